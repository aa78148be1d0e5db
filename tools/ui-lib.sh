#!/bin/sh
# ui-lib.sh OUT MODULE...: copies the browser's npm modules to OUT, so that they load as they are served.
# A browser resolves no bare names ('from "preact"') without an import map, and the strict content security
# policy of the inbox allows no inline one: the names become the paths under which the modules are served.
set -e
out=$1
shift
mkdir -p "$out"
for module; do
    sed -e 's|from *"preact"|from"/lib/preact.module.js"|g' \
        -e 's|from *"preact/hooks"|from"/lib/hooks.module.js"|g' \
        -e 's|from *"@preact/signals-core"|from"/lib/signals-core.module.js"|g' \
        -e '/^\/\/# sourceMappingURL=/d' \
        "node_modules/$module" >"$out/$(basename "$module")"
done
if grep -lE '(from|import) *"[@a-z]' "$out"/*; then
    echo "ui-lib.sh: these still import by a bare name: add the name here" >&2
    exit 1
fi
