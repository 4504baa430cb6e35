// The answer to a request: which status, which lines, which bytes of which file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "files.h"
#include "request.h"

namespace http {

// Where answers go, in order.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::string_view text) = 0;  // is copied
  virtual void lend(std::string_view text) = 0;   // lies in a file: stays where it is
  // So much waits to be sent that no more should be asked for.
  virtual bool full() const = 0;
};

// Time and its text, which is made once a second.
class Clock {
 public:
  void set(std::int64_t seconds);
  std::int64_t seconds() const { return seconds_; }
  std::string_view lines() const { return lines_; }  // "Date: ...", "Server: ..."

 private:
  std::int64_t seconds_ = -1;
  std::string lines_;
};

// `close`: the connection ends with this answer, which says so.
void answer(const Request& request, const Files& files, const Clock& clock, bool close, Sink& sink);
// An answer that only tells of an error; without its text for HEAD.
void answer_error(int status, const Clock& clock, bool close, bool head, Sink& sink);

}  // namespace http
