// One `hashlane serve` process with a data directory of its own, and the official client pointed at it.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const COS = require('cos-nodejs-sdk-v5');

const BUCKET = 'demo-1250000000';
const REGION = 'ap-chongqing';
const READY_MS = 30_000;

// The program under test: HASHLANE_BIN, else the release build of this checkout.
function binary() {
  const target = process.env.CARGO_TARGET_DIR || path.join(__dirname, '..', '..', 'target');
  return process.env.HASHLANE_BIN || path.join(target, 'release', 'hashlane');
}

// Nothing of ours leaks in, no proxy comes between.
function cleanEnvironment() {
  const kept = ([name]) => !name.startsWith('HASHLANE_') && !name.toLowerCase().endsWith('_proxy');
  return Object.fromEntries(Object.entries(process.env).filter(kept));
}

class Server {
  static async start() {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hashlane-node-'));
    server.objects = path.join(server.folder, 'objects');
    fs.mkdirSync(server.objects);
    const config = path.join(server.folder, 'hashlane.toml');
    fs.writeFileSync(
      config,
      `[[bucket]]\nname = "${BUCKET}"\nregion = "${REGION}"\nstorage = "fs://${server.objects}"\n`,
    );
    const log = fs.openSync(path.join(server.folder, 'serve.log'), 'a');
    const data = path.join(server.folder, 'data');
    const args = ['serve', '--config', config, '--data', data, '--listen', '127.0.0.1:0', '--admin', 'off'];
    server.process = spawn(binary(), args, { stdio: ['ignore', 'pipe', log], env: cleanEnvironment() });
    server.ended = new Promise((resolve) => server.process.once('exit', resolve));
    const ready = await server.firstLine();
    server.address = /api=http:\/\/(\S+)/.exec(ready)[1];
    const written = fs.readFileSync(path.join(data, 'credentials.toml'), 'utf8');
    const value = (name) => new RegExp(`^${name} = ['"](.*)['"]$`, 'm').exec(written)[1];
    server.key = { SecretId: value('secret_id'), SecretKey: value('secret_key') };
    return server;
  }

  async firstLine() {
    const log = () => fs.readFileSync(path.join(this.folder, 'serve.log'), 'utf8');
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error(`no ready line; the log says:\n${log()}`)), READY_MS);
      this.process.once('error', reject);
      this.process.once('exit', (code) => reject(new Error(`ended with ${code}; the log says:\n${log()}`)));
      readline.createInterface({ input: this.process.stdout }).once('line', (line) => {
        clearTimeout(patience);
        resolve(line);
      });
    });
  }

  // SIGTERM, and the exit code.
  async stop() {
    this.process.kill('SIGTERM');
    const code = await this.ended;
    fs.rmSync(this.folder, { recursive: true });
    return code;
  }

  write(key, content) {
    const file = path.join(this.objects, key);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }

  // The official client. It asks for the host names of the original and connects here: an option of its own.
  client(changes = {}) {
    return new COS({ ...this.key, Ip: this.address, Protocol: 'http:', ...changes });
  }
}

// A call of processing: the client has only its generic `request` for these.
function ci(client, method, key, { Body, Query } = {}) {
  const Url = `http://${BUCKET}.ci.${REGION}.myqcloud.com/${key}`;
  const ContentType = Body ? { 'Content-Type': 'application/xml' } : {};
  return client.request({ Bucket: BUCKET, Region: REGION, Method: method, Key: key, Url, Body, Query, Headers: ContentType });
}

module.exports = { BUCKET, REGION, Server, ci };
