# Hashes of hashes, splitting, substitution, sorting and joining of generated text.
use strict;
use warnings;

srand(11);
my @words = map { join '', map { chr(97 + int rand 26) } 1 .. 2 + int rand 9 } 1 .. 1500;
my (%follows, %length);
for my $line (1 .. 2500) {
  my $text = join ' ', map { $words[rand @words] } 1 .. 5 + int rand 10;
  $text =~ s/([aeiou])(\w)/$2$1/g;
  my @parts = split / /, $text;
  for my $i (1 .. $#parts) { $follows{$parts[$i - 1]}{$parts[$i]}++ }
  push @{$length{length $text}}, $line;
}
my @order = sort { keys %{$follows{$b}} <=> keys %{$follows{$a}} || $a cmp $b } keys %follows;
delete @follows{@order[0 .. 300]};
print scalar(keys %follows), ' ', join(',', map { scalar @{$length{$_}} } sort { $a <=> $b } keys %length), "\n";
