#include "slipway/store/page.hpp"

namespace slipway::store {

void newest_first(std::string& sql, Params& params, const Page& page) {
  if (!page.after_id.empty()) {
    sql += " AND (created_at < ? OR (created_at = ? AND id < ?))";
    params.emplace_back(page.after_created_at);
    params.emplace_back(page.after_created_at);
    params.emplace_back(page.after_id);
  }
  sql += " ORDER BY created_at DESC, id DESC LIMIT ?";
  params.emplace_back(page.limit);
}

}  // namespace slipway::store
