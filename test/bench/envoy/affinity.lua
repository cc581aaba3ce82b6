-- The same job for Envoy's Lua filter, by what its documentation names. The cookie seals nothing: it holds the base64 of the
-- pod's address, as that of Envoy's stateful_session does. The documentation has base64Escape, and nothing that decodes.
-- A Lua filter cannot see which pod answered; the route says so in x-upstream-host, which is taken away here.

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local VALUES = {}
for i = 1, #ALPHABET do
  VALUES[ALPHABET:byte(i)] = i - 1
end

local function decode(text)
  local bytes = {}
  local rest, bits = 0, 0
  for i = 1, #text do
    local value = VALUES[text:byte(i)]
    if value == nil then
      break
    end
    rest, bits = rest * 64 + value, bits + 6
    if bits >= 8 then
      bits = bits - 8
      local unit = 2 ^ bits
      local byte = math.floor(rest / unit)
      bytes[#bytes + 1] = string.char(byte)
      rest = rest - byte * unit
    end
  end
  return table.concat(bytes)
end

function envoy_on_request(handle)
  local cookies = handle:headers():get("cookie")
  local text = cookies and cookies:match("AFL=([^;]+)")
  local host = text and decode(text)
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
    headers:add("set-cookie", "AFL=" .. handle:base64Escape(host) .. "; Path=/; HttpOnly")
  end
end
