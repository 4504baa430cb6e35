// What a straight way need not ask of every packet at every node: what holds for a whole batch
// because it is about the host alone, what the card's word says at once about several nodes, and
// what follows from other comparisons.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/codegen/node_code.h"

namespace weft::codegen {

class Settled {
 public:
  // For the way from `start` along the hot ports.
  Settled(const ResidueContext& c, ir::Vertex start);

  // To be asked of every packet in front of the first node, as C++: that all headers on the way are
  // there, and that the card found all sums good that it was asked about. "": nothing.
  std::string at_first() const;

  // All of `terms` have to hold at a node for a packet to stay on the way.
  struct Open {
    std::vector<ir::ExprPtr> terms;     // what is still to be asked for each of them, or null
    std::vector<ir::ExprPtr> of_batch;  // what is the same for the whole batch
  };
  Open still_open(const std::vector<ir::ExprPtr>& terms);
  // The packet has passed the effect `v`: what it assigns is known.
  void passed(ir::Vertex v);

  // All that was, so far: about the host, which stays as it is while a batch runs.
  const std::vector<ir::ExprPtr>& of_batch() const { return of_batch_; }

 private:
  void look_at(const ir::ExprPtr& condition);
  ir::ExprPtr with_known(const ir::ExprPtr& expr) const;
  bool is_of_host(const ir::ExprPtr& expr) const;
  bool asked_at_first(const ir::ExprPtr& term) const;
  ir::ExprPtr at_its_bound(const ir::ExprPtr& term, const std::vector<ir::ExprPtr>& terms) const;

  const ResidueContext& c_;
  bool on_wire_;                              // the way begins with a frame
  std::map<ir::Layer, unsigned> headers_;     // bytes of the header read at each layer
  std::map<std::string, std::string> words_;  // "desc.ip_cksum" -> "CardFacts::ip"
  std::map<std::string, ir::ExprPtr> known_;  // constants that nodes assigned
  std::vector<ir::ExprPtr> of_batch_;
};

// The parts of `a && b && ...`, or the expression itself.
std::vector<ir::ExprPtr> terms_of(const ir::ExprPtr& expr);

}  // namespace weft::codegen
