-- The same job as affinity.lua, with the base64 of the address in the cookie, as Envoy's stateful_session has it, and with
-- what Envoy 1.40 offers for it: base64Decode, and the request's headers at the response, so that nothing has to be kept
-- in dynamic metadata, which is dear.

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
