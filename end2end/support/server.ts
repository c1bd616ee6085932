// The server under test.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const root = path.resolve(__dirname, '..', '..');
const binary = process.env.FRONTROW_BIN ? path.resolve(process.env.FRONTROW_BIN) : path.join(root, 'target/release/frontrow');
const artifacts = path.resolve(__dirname, '..', '.artifacts');

/** Starting PostgreSQL for the first time takes a few seconds, on a slow machine many. */
const STARTS_WITHIN = 120_000;

/**
 * Returns the environment without variables that would direct the server to other stores or another
 * address.
 */
function environment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (name.startsWith('FRONTROW_') || ['DATABASE_URL', 'REDIS_URL'].includes(name)) delete env[name];
  }
  const siteRoot = path.resolve(process.env.LEPTOS_SITE_ROOT ?? path.join(root, 'target/site'));
  // scripts/test.sh uses this mark to find processes that are left of a run.
  const mark = process.env.FRONTROW_TEST_RUN;
  // All clients in these tests come from one address.
  const limits = Object.fromEntries(
    ['LOG_INS', 'SIGN_UPS', 'REFRESHES', 'JOINS', 'ADDRESS_JOINS'].map((what) => [`FRONTROW_LIMIT_${what}`, '0']),
  );
  return { ...env, ...limits, LEPTOS_SITE_ROOT: siteRoot, ...(mark && { FRONTROW_TEST_RUN: mark }) };
}

type Message = { url: string; dataDir: string } | { exit: number | string } | { failed: string };

export class Server {
  private constructor(
    private readonly keeper: ChildProcess,
    private readonly log: string,
    readonly url: string,
    private readonly dataDir: string,
  ) {}

  /** Starts PostgreSQL, Redis and the server, and waits until the server prints its address. */
  static async start(): Promise<Server> {
    mkdirSync(artifacts, { recursive: true });
    const log = path.join(artifacts, 'server.log');
    // In a session of its own: Ctrl-C in the terminal goes to the test runner, which stops the
    // server in order.
    const keeper = spawn(process.execPath, [path.join(__dirname, 'keeper.mjs'), binary, log], {
      env: environment(),
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const started = new Promise<Message>((resolve, reject) => {
      const lines = createInterface({ input: keeper.stdout! });
      lines.once('line', (line) => resolve(JSON.parse(line) as Message));
      keeper.once('exit', () => reject(new Error('the keeper ended')));
      setTimeout(() => reject(new Error(`no address after ${STARTS_WITHIN / 1000} s`)), STARTS_WITHIN).unref();
    });
    try {
      const message = await started;
      if ('url' in message) return new Server(keeper, log, message.url, message.dataDir);
      throw new Error(JSON.stringify(message));
    } catch (error) {
      await gone(keeper);
      throw new Error(`${binary} did not start: ${(error as Error).message}\n${tail(log)}`);
    }
  }

  /** Runs `frontrow admin create` beside the server. */
  create(role: 'organiser' | 'admin', accountName: string, password: string): void {
    const made = spawnSync(
      binary,
      ['admin', 'create', '--role', role, '--account-name', accountName, '--email', `${accountName}@example.com`],
      { env: { ...environment(), FRONTROW_DATA_DIR: this.dataDir, FRONTROW_ADMIN_PASSWORD: password }, encoding: 'utf8' },
    );
    if (made.status !== 0) throw new Error(`frontrow admin create: ${made.stdout}${made.stderr}${made.error ?? ''}`);
  }

  /** Stops the server and its stores; throws if its log has errors that no page showed. */
  async stop(): Promise<void> {
    await gone(this.keeper);
    const wrong = readFileSync(this.log, 'utf8')
      .split('\n')
      .filter((line) => /\bERROR\b|panicked/.test(line))
      // "Try again", on a machine that stalled for a moment: a test to which it matters reports it
      // itself.
      .filter((line) => !line.includes('refusal=Unavailable'));
    if (wrong.length > 0) throw new Error(`the server's log has errors:\n${wrong.slice(0, 20).join('\n')}`);
  }
}

/** Ends the keeper process and waits until it has exited. */
function gone(keeper: ChildProcess): Promise<void> {
  if (keeper.exitCode !== null || keeper.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    keeper.once('exit', () => resolve());
    keeper.stdin!.end();
  });
}

function tail(log: string): string {
  try {
    return readFileSync(log, 'utf8').split('\n').slice(-30).join('\n');
  } catch {
    return '';
  }
}
