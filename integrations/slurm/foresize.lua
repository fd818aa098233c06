-- What cli_filter.lua and job_submit.lua share: reads what a job's comment says of it, asks the estimator through the
-- gateway, and says what the job is to be given. Lua 5.1 and newer; needs curl.
--
-- A job takes part where its comment begins with the word "foresize". What follows are words of the form name=value:
--   task=NAME    what kind of work it is; without it the job's name
--   NAME=NUMBER  a feature, a number known before the run, in decimal, such as input_bytes=50000000 or 5e7
--   NAME=TEXT    a label
-- Of words of one name the last counts. A comment of more than 1024 bytes, which Slurm refuses, takes no part. foresize-slurm reads comments by the same rules. The estimate's token is added as token=…, for the reporter to hand back.

local foresize = {}

local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."

-- foresize.conf beside this file, lines of the form name=value, may set any of these.
local settings = {
  gateway = "http://127.0.0.1:7080",
  namespace = "default",
  -- Longest that a submission waits for an answer.
  timeout_seconds = "0.5",
  -- Holds the line "authorization: Bearer TOKEN" where the services want a token.
  header_file = "",
  -- PEM roots of the gateway's certificate, where they are not those of the system.
  ca_file = "",
  -- What an answer needs before a job is given it.
  min_executions = "3",
  min_confidence = "0.5",
}

local conf = io.open(folder .. "/foresize.conf")
if conf then
  for line in conf:lines() do
    local name, value = line:match("^%s*([%w_]+)%s*=%s*(.-)%s*$")
    if name and settings[name] then settings[name] = value end
  end
  conf:close()
end

local function json(text)
  local escaped = text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end)
  return '"' .. escaped .. '"'
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Bytes of a comment that Slurm takes; it looks after it has asked the plugin.
-- Source: _test_job_desc_fields in slurmctld's job_mgr.c.
local max_comment_bytes = 1024

-- The words of a comment by name; nil where the job takes no part.
local function words_of(comment)
  if comment and #comment > max_comment_bytes then return nil end
  local rest = ((comment or "") .. " "):match("^foresize(%s.*)$")
  if not rest then return nil end
  local words = {}
  for name, value in rest:gmatch("([^%s=]+)=(%S+)") do words[name] = value end
  return words
end

local is_no_input = { task = true, token = true, attempt = true }

-- tonumber alone takes hexadecimal too, and "inf" where Lua is older.
local function number_of(text)
  local number = text:match("^[+-]?[%d.]+[eE]?[+-]?%d*$") and tonumber(text)
  return number and math.abs(number) ~= math.huge and number or nil
end

local function query_of(words, job_name)
  local task, features, labels = words.task or job_name, {}, {}
  for name, value in pairs(words) do
    local number = number_of(value)
    if number and not is_no_input[name] then
      features[#features + 1] = json(name) .. ":" .. string.format("%.17g", number)
    elseif not is_no_input[name] then
      labels[#labels + 1] = json(name) .. ":" .. json(value)
    end
  end
  if not task or task == "" then return nil end
  return string.format(
    '{"query":{"task":{"namespace":%s,"task":%s},"features":{%s},"labels":{%s}}}',
    json(settings.namespace), json(task), table.concat(features, ","), table.concat(labels, ","))
end

local function ask(query)
  local command = {
    "curl --silent --fail --noproxy '*' -H 'content-type: application/json'",
    "--max-time " .. quoted(settings.timeout_seconds),
  }
  if settings.header_file ~= "" then command[#command + 1] = "-H " .. quoted("@" .. settings.header_file) end
  if settings.ca_file ~= "" then command[#command + 1] = "--cacert " .. quoted(settings.ca_file) end
  command[#command + 1] = "--data-raw " .. quoted(query)
  command[#command + 1] = quoted(settings.gateway .. "/foresize.v1.EstimatorService/Estimate")
  local pipe = io.popen(table.concat(command, " ") .. " 2>/dev/null")
  if not pipe then return nil end
  local answer = pipe:read("*a")
  pipe:close()
  return answer
end

-- The few fields that decide; those of the whole estimate come before those of its dimensions.
local function read(answer)
  local head = answer:match('^(.-)"dimensions"') or answer
  return {
    memory_bytes = tonumber((head:match('"resources":%s*{[^}]*"memoryBytes":%s*([%d.eE+-]+)'))),
    confidence = tonumber((head:match('"confidence":%s*([%d.eE+-]+)'))) or 0,
    source = head:match('"source":%s*"([%u_]+)"'),
    executions = tonumber((answer:match('"executions":%s*([%d.eE+-]+)'))) or 0,
    token = answer:match('"estimateToken":%s*"([%w+/=_-]+)"'),
  }
end

local learned = { ESTIMATE_SOURCE_PROFILE = true, ESTIMATE_SOURCE_COHORT = true }

-- What a job is to be given, { memory_mib, comment }; nil where it is left as it is: it takes no part, nobody answers, or
-- too little is known.
function foresize.size(job_name, comment)
  local words = words_of(comment)
  local query = words and query_of(words, job_name)
  local answer = query and ask(query)
  if not answer or answer == "" then return nil end
  local estimate = read(answer)
  if not estimate.memory_bytes
    or not learned[estimate.source]
    or estimate.executions < tonumber(settings.min_executions)
    or estimate.confidence < tonumber(settings.min_confidence)
  then
    return nil
  end
  local with_token = estimate.token and comment .. " token=" .. estimate.token
  -- A job that could not be submitted for its token is sized all the same, and its estimate goes unscored.
  if not with_token or #with_token > max_comment_bytes then with_token = comment end
  return { memory_mib = math.ceil(estimate.memory_bytes / 2 ^ 20), comment = with_token }
end

return foresize
