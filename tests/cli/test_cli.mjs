/* The command line: every command and action that --help names answers --help, and says wrong use in one line. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'

const program = resolve(process.env.BREAKWATER ?? 'build/breakwater')
const directory = mkdtempSync(join(tmpdir(), 'breakwater-cli-'))
after(() => rmSync(directory, { recursive: true }))

/* Away from any data directory, with nothing on stdin and no database to find. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BREAKWATER_|DATABASE_URL|PG)/.test(name)))
env.BREAKWATER_DATA_DIR = join(directory, 'none')
const run = args => spawnSync(program, args, { cwd: directory, env, input: '', encoding: 'utf8', timeout: 60_000 })

function helps(args) {
    const { status, stdout, stderr } = run([...args, '--help'])
    assert.equal(status, 0, `${args.join(' ')} --help`)
    assert.equal(stderr, '')
    assert.match(stdout, /^Usage:/)
    return stdout
}

function isWrong(args) {
    const { status, stdout, stderr } = run(args)
    assert.equal(status, 2, `status of '${args.join(' ')}': ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, /^breakwater[^\n]*: [^\n]+\n$/, `one line from '${args.join(' ')}'`)
    return stderr
}

/* "  name  what it does" below a heading. */
const named = (help, heading) => {
    const [, lines = ''] = help.split(`\n${heading}:\n`)
    return lines.split('\n\n')[0].split('\n').map(line => line.trim().split(/\s{2,}/)).filter(([name]) => name)
}

/* Every command, and every action below one. */
function leaves() {
    const all = []
    for (const [command] of named(helps([]), 'Commands')) {
        const actions = named(helps([command]), 'Actions')
        if (actions.length) all.push(...actions.map(([action]) => [command, action]))
        else all.push([command])
    }
    return all
}
const commands = leaves()

test('the commands are those that a newcomer is told of, each with a line about it', () => {
    const lines = named(helps([]), 'Commands')
    for (const known of ['up', 'core', 'collect', 'web', 'migrate', 'channel', 'brand', 'user', 'cluster', 'classify', 'spikes', 'suspect', 'render'])
        assert.ok(lines.some(([name]) => name === known), known)
    for (const [name, about] of lines) assert.ok(about?.length > 10, name)
    assert.ok(commands.some(([, action]) => action === 'add'))
    assert.match(run(['--version']).stdout, /^breakwater \d+\.\d+\.\d+\n$/)
    assert.equal(helps(['channel']), run(['channel', '-h']).stdout)
})

for (const args of commands)
    test(`breakwater ${args.join(' ')}`, () => {
        const help = helps(args)
        const usage = help.match(/^Usage:\n {2}breakwater (.*)$/m)?.[1]
        assert.ok(usage?.startsWith(args.join(' ')), `usage names the command: ${help}`)
        const operands = usage.split('[OPTION…]')[1].trim().split(' ').filter(Boolean)
        const needed = operands.filter(each => !each.startsWith('['))

        assert.match(isWrong([...args, '--no-such-option']), /no-such-option/)
        if (!operands.some(each => each.includes('...')))
            isWrong([...args, ...operands.map((_, i) => `x${i}`), 'x'])
        for (let given = 0; given < needed.length; given++)
            isWrong([...args, ...needed.slice(0, given).map((_, i) => `x${i}`)])
    })

test('what is no command, no action, or none at all', () => {
    assert.match(isWrong([]), /breakwater --help/)
    assert.match(isWrong(['nonsense']), /'nonsense'/)
    assert.match(isWrong(['--nonsense']), /'--nonsense'/)
    for (const command of new Set(commands.filter(args => args.length > 1).map(([name]) => name))) {
        assert.match(isWrong([command]), new RegExp(`breakwater ${command} --help`))
        assert.match(isWrong([command, 'nonsense']), /'nonsense'/)
        isWrong([command, '--nonsense'])
    }
})

test('what only the command itself can see to be wrong', () => {
    for (const args of [
        ['up', '--listen', 'nonsense'],
        ['up', '--listen', '127.0.0.1:99999'],
        ['web', '--listen', '8080'],
        ['collect', '--id', '1'],
        ['classify', 'train'],
        ['classify', 'nonsense'],
        ['spikes', '--sensitivity', 'nonsense'],
        ['render'],
        ['render', '--channel', 'nonsense'],
    ])
        isWrong(args)
})

test('a command that cannot do its work says so in one line, with status 1', () => {
    for (const args of [['core'], ['web'], ['collect'], ['migrate'], ['user', 'list'], ['brand', 'list'], ['channel', 'list']]) {
        const { status, stderr } = run(args)
        assert.equal(status, 1, args.join(' '))
        assert.match(stderr, /^breakwater [a-z ]+: no database: [^\n]+\n$/)
    }
    const away = run(['migrate', '--database-url', `host=${directory} port=5 user=nobody dbname=none`])
    assert.equal(away.status, 1)
    assert.match(away.stderr, /^breakwater migrate: [^\n]+\n$/)
})
