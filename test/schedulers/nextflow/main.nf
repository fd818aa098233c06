include { foresizeMemory } from 'plugin/nf-foresize'

// Needs 20 MB and twice its input, an outlier twice that, and is held to what it is given.
process hold {
  tag "${input.name}"
  errorStrategy { task.exitStatus == 137 ? 'retry' : 'finish' }
  maxRetries 3
  memory { foresizeMemory(task, input, 400.MB) }

  input:
  path input

  script:
  """
  bytes=\$(( 20000000 + 2 * \$(stat --dereference --format %s $input) ))
  case $input in outlier*) bytes=\$(( 2 * bytes )) ;; esac
  $params.limited ${task.memory.toBytes()} $params.burn \$bytes 1500
  """
}

workflow {
  Channel.fromPath("$params.inputs/*") | hold
}
