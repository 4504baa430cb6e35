#include "connection.h"

#include <utility>

namespace http {

void ByAge::put_last(Connection& c) {
  remove(c);
  c.listed_ = true;
  c.older_ = last_;
  (last_ != nullptr ? last_->newer_ : first_) = &c;
  last_ = &c;
}

void ByAge::remove(Connection& c) {
  if (!c.listed_) return;
  (c.older_ != nullptr ? c.older_->newer_ : first_) = c.newer_;
  (c.newer_ != nullptr ? c.newer_->older_ : last_) = c.older_;
  c.older_ = c.newer_ = nullptr;
  c.listed_ = false;
}

void ByAge::expire(weft::app::Host host, std::uint64_t now_ns) {
  while (first_ != nullptr && first_->heard_ns_ + Connection::silent_ns < now_ns) {
    Connection& c = *first_;
    put_last(c);
    c.heard_ns_ = now_ns;
    c.expire(host);
  }
}

void Connection::touch(weft::app::Host host) {
  heard_ns_ = host.now_ns();
  shared_.by_age.put_last(*this);
}

void Connection::data(weft::app::Host host, const weft_tcp_event& event) {
  touch(host);
  waiting_.push_back({{reinterpret_cast<const char*>(event.data), event.len}, event.token});
  go_on(host);
}

void Connection::acked(weft::app::Host host) {
  touch(host);
  out_.acked();
  go_on(host);
}

void Connection::go_on(weft::app::Host host) {
  while (!waiting_.empty()) {
    Received& r = waiting_.front();
    r.text.remove_prefix(session_.take(r.text));
    if (!r.text.empty()) break;
    host.done(r.token);
    waiting_.pop_front();
  }
  out_.flush(host, number_);
  if (out_.queued() != 0) return;
  const bool no_more = session_.over() || (remote_ended_ && waiting_.empty());
  if (no_more && !std::exchange(said_end_, true)) {
    // The client may still be sending: closing at once would be answered to it by a reset, which
    // may destroy what it has not read yet (RFC 9112 section 9.6). So it is read until its end.
    host.shutdown(number_);
  }
  if (said_end_ && remote_ended_ && out_.in_flight() == 0) host.close(number_);
}

void Connection::remote_closed(weft::app::Host host) {
  remote_ended_ = true;
  go_on(host);
}

// Within a request it is told; a client that takes no answer, or does not end, is cut off.
void Connection::expire(weft::app::Host host) {
  if (said_end_ || out_.held() != 0) {
    host.abort(number_);
    return;
  }
  if (session_.in_request()) session_.late();
  if (out_.held() == 0 && !std::exchange(said_end_, true)) host.shutdown(number_);
  go_on(host);
}

}  // namespace http
