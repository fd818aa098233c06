-- Sizes jobs in the controller, wherever they come from: each submission waits for one call of curl, at most
-- timeout_seconds of foresize.conf. Where cli_filter.lua has sized a job already, it is left as it is.
-- JobSubmitPlugins=lua; this file, foresize.lua and foresize.conf beside slurm.conf.

local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."
local foresize = dofile(folder .. "/foresize.lua")

function slurm_job_submit(job, partitions, submit_uid)
  -- What the user sets is never overridden.
  for _, name in ipairs({ "min_mem_per_node", "min_mem_per_cpu", "mem_per_tres" }) do
    if job[name] ~= nil then return slurm.SUCCESS end
  end
  local given = foresize.size(job.name, job.comment)
  if given then
    job.min_mem_per_node = given.memory_mib
    job.comment = given.comment
  end
  return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, modify_uid) return slurm.SUCCESS end

return slurm.SUCCESS
