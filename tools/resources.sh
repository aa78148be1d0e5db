#!/bin/sh
# resources.sh 'MODULE...' FILE...: the list of what is built into the program, for glib-compile-resources.
# Files keep their path (/breakwater/sql/001_inbox.sql); the browser's modules stand under /breakwater/web/ui/lib/NAME.
modules=$1
shift
echo '<gresources><gresource prefix="/breakwater">'
for file; do echo "<file>$file</file>"; done
for module in $modules; do echo "<file alias=\"web/ui/lib/$(basename "$module")\">$module</file>"; done
echo '</gresource></gresources>'
