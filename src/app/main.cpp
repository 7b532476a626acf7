// SPDX-License-Identifier: MIT
#include "idmerge/app/app.hpp"

int main(int argc, char** argv) {
  return idmerge::run_app({argv + 1, argv + argc});
}
