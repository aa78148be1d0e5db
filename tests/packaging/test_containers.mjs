/* Dockerfile and docker-compose.yml against the program: its libraries, commands, settings and logins. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'

const release = resolve(process.env.BREAKWATER_RELEASE ?? 'build/breakwater')
const root = new URL('../../', import.meta.url)
const read = name => readFileSync(new URL(name, root), 'utf8')
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })
const compose = read('docker-compose.yml')

/* The indented lines below "  name:" in docker-compose.yml. */
function service(name) {
    const lines = compose.split(/^services:\n/m)[1].split(/^\S/m)[0].split('\n')
    const at = lines.indexOf(`  ${name}:`)
    assert.ok(at >= 0, `service ${name}`)
    const end = lines.findIndex((line, i) => i > at && /^ {0,2}\S/.test(line))
    return lines.slice(at + 1, end < 0 ? undefined : end).join('\n')
}

test('the image holds the package of every library that the program asks for', () => {
    const needed = [...run('readelf', '-d', release).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(found => found[1])
    const paths = new Map([...run('ldd', release).matchAll(/^\s*(\S+) => (\S+)/gm)].map(found => [found[1], found[2]]))
    const image = read('Dockerfile').split(/^FROM /m).at(-1)
    assert.ok(needed.length > 8, needed.join(' '))
    for (const library of needed) {
        /* dpkg knows the paths of before /lib became a link to /usr/lib, or those after it */
        const path = realpathSync(paths.get(library))
        const packages = [path, path.replace(/^\/usr/, '')].flatMap(each => {
            try {
                return [execFileSync('dpkg-query', ['-S', each], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(':')[0]]
            } catch {
                return []
            }
        })
        assert.ok(packages.length > 0, `a package holds ${path}`)
        if (!/^(libc6|libstdc\+\+6|libgcc-s1)$/.test(packages[0]))
            assert.match(image, new RegExp(`[ \\n]${packages[0].replaceAll('+', '\\+').replaceAll('.', '\\.')}[ \\n]`), `${library} is in ${packages[0]}`)
    }
})

test('the image runs as nobody in particular', () => {
    assert.match(read('Dockerfile').split(/^FROM /m).at(-1), /^USER breakwater$/m)
    assert.match(compose, /cap_drop: \[ALL\]/)
})

test('each process has a service that starts a command there is', () => {
    const help = run(release, '--help')
    for (const name of ['migrate', 'core', 'web', 'collect']) {
        const [, command] = service(name).match(/command: \["(\w+)"/)
        assert.match(help, new RegExp(`^  ${command} `, 'm'))
        assert.match(service(name), /<<: \*breakwater/)
    }
    assert.match(service('web'), /healthcheck:[^]*\/readyz/)
    assert.match(service('postgres'), /healthcheck:[^]*pg_isready/)
})

test('each process logs in as the role that the schema makes for it', () => {
    const roles = read('sql/001_inbox.sql').match(/array\['(breakwater_\w+(?:', 'breakwater_\w+)*)'\]/)[1].split("', '").sort()
    const logins = ['core', 'web', 'collect'].map(name => service(name).match(/user=(\w+)/)[1])
    assert.deepEqual(logins.sort(), roles)
    const processes = read('docker/roles.sh').match(/^for process in (.*); do$/m)[1].split(' ')
    assert.deepEqual(processes.map(name => `breakwater_${name}`).sort(), roles)
    for (const name of ['core', 'web', 'collect']) {
        const variable = `${name.toUpperCase()}_PASSWORD`
        assert.match(service('postgres'), new RegExp(`${variable}: \\$\\{${variable}:\\?`))
        assert.match(service(name), new RegExp(`password=\\$\\{${variable}:\\?`))
    }
    for (const name of ['migrate', 'admin']) assert.match(service(name), /user=breakwater password=\$\{OWNER_PASSWORD:\?/)
})

test('every setting that is named is one of the program', () => {
    const settings = [...read('core/base/config.c').matchAll(/^ {4}\{"(\w+)"/gm)].map(found => `BREAKWATER_${found[1].toUpperCase()}`)
    const used = [...(compose + read('Dockerfile')).matchAll(/\bBREAKWATER_[A-Z_]+/g)].map(found => found[0])
    assert.ok(used.length > 5)
    for (const name of used) assert.ok(settings.includes(name), name)
})
