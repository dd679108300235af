# Fails where an instruction count or a smallest heap is more than 2 % above what
# baseline.json says. It builds what it needs by itself.
add_test(NAME bench.regression
  COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tools/cli.py bench --check)
set_tests_properties(bench.regression PROPERTIES LABELS bench TIMEOUT 900 COST 100)
