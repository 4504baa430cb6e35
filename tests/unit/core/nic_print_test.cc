#include "compiler/frontend/nic_print.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/core/shipped.h"

namespace weft {
namespace {

// What is printed is read again as the same card; that is how a probed model reaches the compiler.
TEST(NicPrint, EveryCardReadsBackAsItself) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("weft-nic-print-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  for (const std::string& file : test::yaml_files("nicmodels")) {
    const auto nic = frontend::read_nic(file, test::fields());
    ASSERT_TRUE(nic) << file;
    const auto copy = folder / (nic->name + ".yaml");
    std::ofstream(copy) << frontend::print_nic(*nic, "a source", "first line\nsecond line");
    const auto again = frontend::read_nic(copy.string(), test::fields());
    ASSERT_TRUE(again) << file << "\n" << test::errors(again.error());
    EXPECT_EQ(again->receive.digest, nic->receive.digest) << file;
    EXPECT_EQ(again->transmit.digest, nic->transmit.digest) << file;
    EXPECT_EQ(again->driver, nic->driver);
    EXPECT_EQ(again->sources, nic->sources);
    EXPECT_EQ(again->rx_queues.max, nic->rx_queues.max);
    EXPECT_EQ(again->tx_segments, nic->tx_segments);
    EXPECT_EQ(again->zero_copy, nic->zero_copy);
    EXPECT_EQ(again->max_frame, nic->max_frame);
    EXPECT_EQ(again->overflow.stated, nic->overflow.stated);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weft
