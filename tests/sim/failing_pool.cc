#include "tests/sim/failing_pool.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace weft::sim {
namespace {

struct Behind {
  const rte_mempool_ops* real = nullptr;
  Failures* failures = nullptr;
};
std::map<const rte_mempool*, Behind>& pools() {
  static std::map<const rte_mempool*, Behind> all;
  return all;
}

int enqueue(rte_mempool* pool, void* const* objects, unsigned n) {
  return pools().at(pool).real->enqueue(pool, objects, n);
}
int dequeue(rte_mempool* pool, void** objects, unsigned n) {
  const Behind& behind = pools().at(pool);
  return behind.failures->next() ? -ENOBUFS : behind.real->dequeue(pool, objects, n);
}
unsigned count(const rte_mempool* pool) { return pools().at(pool).real->get_count(pool); }
void release(rte_mempool* pool) {
  const auto real = pools().at(pool).real;
  pools().erase(pool);
  real->free(pool);
}

int counting_driver() {
  static const int index = [] {
    rte_mempool_ops ops{};
    std::snprintf(ops.name, sizeof(ops.name), "weft_failing");
    ops.alloc = [](rte_mempool*) { return -ENOTSUP; };
    ops.free = release;
    ops.enqueue = enqueue;
    ops.dequeue = dequeue;
    ops.get_count = count;
    return rte_mempool_register_ops(&ops);
  }();
  if (index < 0) std::abort();
  return index;
}

}  // namespace

void fail_allocations(rte_mempool* pool, Failures& failures) {
  pools()[pool] = {rte_mempool_get_ops(pool->ops_index), &failures};
  pool->ops_index = counting_driver();
  // (Not by cache_size: a pool's private data lie behind its caches, and would be looked for
  // there.)
  for (unsigned i = 0; pool->cache_size != 0 && i < RTE_MAX_LCORE; ++i)
    pool->local_cache[i].size = pool->local_cache[i].flushthresh = 0;
}

}  // namespace weft::sim
