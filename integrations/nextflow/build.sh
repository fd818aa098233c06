#!/usr/bin/env bash
# Builds the plugin: build.sh LIBRARIES PLUGINS puts it into PLUGINS/nf-foresize-0.1.0.
# LIBRARIES holds the jars of Nextflow; where it is not there, Maven fetches them into it.
# Needs: Java 17; Maven where the jars are to be fetched.
set -euo pipefail
libraries=${1:?usage: build.sh LIBRARIES PLUGINS}
plugins=${2:?usage: build.sh LIBRARIES PLUGINS}
here=$(cd "$(dirname "$0")" && pwd)

if [ ! -d "$libraries" ]; then
  mvn --quiet --batch-mode --file "$here/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$(realpath -m "$libraries").part"
  mv "$(realpath -m "$libraries").part" "$libraries"
fi

target=$plugins/nf-foresize-0.1.0
rm -rf "$target"
mkdir -p "$target/classes" "$target/lib"
classpath=$(printf '%s:' "$libraries"/*.jar)
java -cp "$classpath" org.codehaus.groovy.tools.FileSystemCompiler \
  --classpath "$classpath" -d "$target/classes" "$here"/src/nextflow/foresize/*.groovy
cp -R "$here/resources/META-INF" "$target/classes/"
