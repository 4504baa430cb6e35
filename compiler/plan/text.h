// Addresses and numbers as people write them, for plans, previews and explanations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/workload.h"

namespace weft::plan {

std::string address_text(std::uint32_t address);  // 0x0a070002 -> "10.7.0.2"
// What an endpoint listens on: "udp port 7", "udp ports 7-9 of 10.7.0.3".
std::string sockets_text(const ir::Endpoint& endpoint);
// "239.1.2.3", "239.1.2.3 except 10.7.0.9", "232.1.1.1 only 10.7.0.8 10.7.0.9".
std::string group_text(const ir::GroupJoin& group);
std::string mac_text(std::uint64_t mac);  // 48 bits -> "02:00:00:00:00:01"
std::string hex_text(const std::vector<std::uint8_t>& bytes);
std::string number_text(double value);  // shortest text that reads back to the same

// Bits of a field that plans show without a mask when all of them are compared (32 for
// "ipv4.src", 16 for "udp.dst_port", ...); 0 for fields that always show their mask.
unsigned usual_width(std::string_view field);
// "10.7.0.1", "7", "0x0a000000/0xff000000"
std::string match_text(std::string_view field, std::uint64_t value, std::uint64_t mask);

// A YAML scalar in double quotes.
std::string quoted(std::string_view text);
// {0, 0, 0, 1} -> {"0 x3", "1"}
std::vector<std::string> run_lengths(const std::vector<std::uint16_t>& values);

// `head`, then the words with commas, broken at 100 columns and aligned under the first word.
std::string wrapped(const std::string& head, const std::vector<std::string>& words);

}  // namespace weft::plan
