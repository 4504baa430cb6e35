// IPv4 options: what is wrong, where, and what a host says about it.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "stack-nodes/icmp/error.h"
#include "stack-nodes/icmp/parameter_problem.h"
#include "stack-nodes/icmp/source_route_failed.h"
#include "stack-nodes/ipv4/options_ok.h"
#include "stack-nodes/ipv4/source_route_ok.h"
#include "tests/unit/nodes/test_core.h"

namespace weft::test {
namespace {

using namespace nodes;

struct Case {
  const char* what;
  const char* options;
  unsigned wrong_at;  // 0: fine
  bool ends_here = true;
};

const std::vector<Case> cases = {
    {"none", "", 0},
    {"no operation", "01010101", 0},
    {"end, and rubbish behind it", "00ff01ff", 0},
    {"record route, empty", "0707040000000000", 0},
    {"record route, full", "070708c0a8000100", 0},
    {"timestamp", "440805000000000000000000", 0},
    {"timestamp, full and overflown", "440809f1aabbccdd", 0},
    {"router alert", "94040000", 0},
    {"an unknown one", "de0401020000", 0},
    {"type without length", "01010107", 23},
    {"length 0", "07000000", 21},
    {"length 1", "01070100", 22},
    {"one byte too long", "01de0400", 22},
    {"far too long", "07ff0400", 21},
    {"unknown and too long", "deff0000", 21},
    {"record route without pointer", "07020000", 21},
    {"record route's pointer too small", "0707030000000000", 22},
    {"timestamp without flags", "44030500", 21},
    {"timestamp's pointer too small", "440804000000000000000000", 22},
    {"loose route that goes on", "830704c0a8000100", 0, false},
    {"strict route that goes on", "8907040102030400", 0, false},
    {"behind another option", "0101018307040a000001", 0, false},
    {"loose route at its end", "830708c0a8000100", 0},
    {"loose route without hops", "83030400", 0},
    {"two routes", "83030489030400", 23},
    {"route's pointer too small", "8307030a00000100", 22},
};

Bytes padded(const char* hex) {
  Bytes bytes = from_hex(hex);
  while (bytes.size() % 4 != 0) bytes.push_back(0);
  return bytes;
}

TEST(ipv4_options, each_case) {
  for (const Case& c : cases) {
    TestCore core;
    Packet p = core.opened(udp_frame("data", {.options = padded(c.options)}));
    EXPECT_EQ(ipv4::OptionsOk::run(p, core), c.wrong_at == 0) << c.what;
    if (c.wrong_at == 0) {
      EXPECT_EQ(ipv4::SourceRouteOk::run(p, core), c.ends_here) << c.what;
      continue;
    }
    EXPECT_EQ(icmp::ParameterProblem::run(p, core), icmp::ParameterProblem::Out::sent) << c.what;
    EXPECT_EQ(p.icmp_type, 12);
    EXPECT_EQ(p.icmp_code, 0);
    EXPECT_EQ(p.icmp_word, c.wrong_at << 24) << c.what;
  }
}

// The error quotes the options too.
TEST(ipv4_options, the_error_quotes_them) {
  TestCore core;
  const Bytes frame = udp_frame("data", {.options = from_hex("8307040102030400")});
  Packet p = core.opened(frame);
  EXPECT_EQ(icmp::SourceRouteFailed::run(p, core), icmp::SourceRouteFailed::Out::sent);
  icmp::Error::run(p, core);
  EXPECT_EQ(get<field::icmp::type>(p), 3);
  EXPECT_EQ(get<field::icmp::code>(p), 5);
  EXPECT_EQ(Bytes(p.data + p.l4 + 8, p.data + p.len), Bytes(frame.begin() + 14, frame.end()));
}

// Any bytes: the scan ends within the header, and says "wrong" only at a place inside.
TEST(ipv4_options, any_bytes) {
  EXPECT_TRUE(rc::check([] {
    Bytes header(20 + 4 * *rc::gen::inRange<std::size_t>(0, 11));
    for (std::size_t i = 20; i < header.size(); ++i)
      header[i] = *rc::gen::elementOf(std::vector<std::uint8_t>{0, 1, 2, 3, 4, 7, 8, 12, 39, 40, 68,
                                                                131, 137, 148, 0x9e, 0xff});
    const auto scan = ipv4::scan_options(header.data(), static_cast<unsigned>(header.size()));
    RC_ASSERT(scan.wrong_at == 0 || (scan.wrong_at >= 20 && scan.wrong_at < header.size() + 1));
  }));
}

}  // namespace
}  // namespace weft::test
