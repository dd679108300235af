heapscope_unit_test(uart
  unit/uart/simulated_chip.cpp
  unit/uart/baud_test.cpp
  unit/uart/mini_uart_receive_test.cpp
  unit/uart/mini_uart_setup_test.cpp
  unit/uart/mini_uart_transmit_test.cpp
  unit/uart/panic_write_test.cpp
  unit/uart/simulated_chip_test.cpp)
