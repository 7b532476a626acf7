// SPDX-License-Identifier: MIT
//
// The one place where the bodies of Boost.JSON are compiled.
#include <boost/json/src.hpp>
