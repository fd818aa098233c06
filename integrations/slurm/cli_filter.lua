-- Sizes jobs where they are submitted, on the login node: nothing is added to the controller's work.
-- CliFilterPlugins=lua; this file, foresize.lua and foresize.conf beside slurm.conf.

local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
local foresize = dofile(folder .. "/foresize.lua")

local function isSet(value) return value ~= nil and value ~= "" and value ~= "unset" and value ~= "0" end

function slurm_cli_setup_defaults(options, early_pass) return slurm.SUCCESS end

function slurm_cli_pre_submit(options, pack_offset)
  -- Steps of a job that runs have its memory. What the user sets is never overridden.
  if os.getenv("SLURM_JOB_ID") then return slurm.SUCCESS end
  for _, name in ipairs({ "mem", "mem-per-cpu", "mem-per-gpu" }) do
    if isSet(options[name]) then return slurm.SUCCESS end
  end
  local given = foresize.size(options["job-name"], options["comment"])
  if given then
    options["mem"] = string.format("%dM", given.memory_mib)
    options["comment"] = given.comment
  end
  return slurm.SUCCESS
end

function slurm_cli_post_submit(offset, job_id, step_id) return slurm.SUCCESS end
