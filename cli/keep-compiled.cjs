// Loaded before the program, and in plain JavaScript: then all of the program is kept, with its types taken out already.
const { mkdirSync } = require('node:fs')
const { enableCompileCache } = require('node:module')
const { join } = require('node:path')

/**
 * In the user's own folder: whoever can write there can run code as the user, so the folder for temporary files, which all
 * share, will not do. Where it cannot be made, nothing is kept.
 */
function keepCompiledCode({ XDG_CACHE_HOME: named, HOME: home }) {
  const caches = named || (home && join(home, '.cache'))
  if (!caches) return
  const folder = join(caches, 'foresize')
  if (isMade(caches) && isMade(folder)) enableCompileCache(folder)
}

function isMade(folder) {
  try {
    mkdirSync(folder, { mode: 0o700 })
    return true
  } catch (error) {
    return error.code === 'EEXIST'
  }
}

keepCompiledCode(process.env)
