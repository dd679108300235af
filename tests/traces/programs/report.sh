# A bash script: functions, arrays, associative arrays, expansion, substitution.
declare -A seen
declare -a rows
name_of() {
  local n=$1 text=
  while ((n > 0)); do
    text+=${letters:n % 26:1}
    n=$((n / 26))
  done
  printf -v "$2" %s "$text"
}
letters=abcdefghijklmnopqrstuvwxyz
for ((i = 1; i <= 180; ++i)); do
  name_of $((i * 7919 % 50021)) name
  seen[${name:0:2}]+=" $name"
  rows+=("$i:$name:${name^^}")
done
for key in "${!seen[@]}"; do
  set -- ${seen[$key]}
  seen[$key]=$#
  last=${*: -1}
done
for row in "${rows[@]}"; do
  IFS=: read -r number name upper <<<"$row"
  case $upper in *A*) matches+=("${row//:/-}") ;; esac
done
echo "${#seen[@]} ${#rows[@]} ${#matches[@]} $last"
