// What IPv4 has beside plain datagrams: options, errors of others, what is too large, and sizes.
#pragma once

#include "tests/sim/traffic_base.h"

namespace weft::sim {

class Ipv4Traffic : public TrafficBase {
 protected:
  using TrafficBase::TrafficBase;

  // The bytes, filled up to a multiple of 4.
  static Bytes options(std::initializer_list<std::uint8_t> bytes);
  // Good, wrong and source-routed ones, to the host and to all.
  void option_oddities();
  // An ICMP error about `quoted`, a datagram of the host.
  Bytes error(std::uint32_t from, Icmp icmp, const Bytes& quoted);
  Bytes quoted(Ip ip, Udp udp, std::size_t bytes, bool whole_only = false);
  // ICMP errors to be believed or not, and datagrams whose answers are too large for their path.
  void quotes();
  // Too large for the forwarder's links (1,400 bytes), with and without leave to cut it; and to
  // where no route leads.
  void to_be_forwarded();
  // Datagrams of all sizes up to the largest, and answers to them.
  void all_of_size();
  // 30 large pings that become whole in one batch: their answers are cut one after the other, as
  // far as there is room to wait.
  void many_to_be_cut();

 private:
  void whole_in_pieces_with(Ip ip);
  void add_all(const Pieces& parts);
};

}  // namespace weft::sim
