-- The same job for Envoy's Lua filter, with a cookie that seals nothing: it holds the pod's address as it is.
-- A Lua filter cannot see which pod answered; the route says so in x-upstream-host, which is taken away here.

function envoy_on_request(handle)
  local cookies = handle:headers():get("cookie")
  local host = cookies and cookies:match("AFL=([^;]+)")
  if host and host:match("^%d+%.%d+%.%d+%.%d+:%d+$") then
    handle:setUpstreamOverrideHost(host, false)
    handle:streamInfo():dynamicMetadata():set("affinity", "host", host)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local host = headers:get("x-upstream-host")
  headers:remove("x-upstream-host")
  local pinned = handle:streamInfo():dynamicMetadata():get("affinity")
  if host and (pinned == nil or pinned.host ~= host) then
    headers:add("set-cookie", "AFL=" .. host .. "; Path=/; HttpOnly")
  end
end
