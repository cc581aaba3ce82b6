-- The same job as affinity.lua at its best: by base64Decode, which Envoy 1.40 has and its documentation does not name, and
-- without dynamic metadata, which is dear. The request's headers are still there at the response.

local function pinnedText(headers)
  local cookies = headers:get("cookie")
  return cookies and cookies:match("AFB=([^;]+)")
end

function envoy_on_request(handle)
  local text = pinnedText(handle:headers())
  -- nil when it is no base64
  local host = text and handle:base64Decode(text)
  if host and host:match("^%d+%.%d+%.%d+%.%d+:%d+$") then
    handle:setUpstreamOverrideHost(host, false)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local host = headers:get("x-upstream-host")
  headers:remove("x-upstream-host")
  local text = host and handle:base64Escape(host)
  if text and pinnedText(handle:requestHeaders()) ~= text then
    headers:add("set-cookie", "AFB=" .. text .. "; Path=/; HttpOnly")
  end
end
