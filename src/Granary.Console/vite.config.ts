import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

// The server has no work with compressing: it embeds each file in all forms.
const compressed = (): Plugin => ({
  name: 'compressed',
  apply: 'build',
  writeBundle({ dir }) {
    for (const name of readdirSync(dir!, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(html|js|css|svg)$/.test(name))) {
      const file = join(dir!, name);
      const bytes = readFileSync(file);
      writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }));
      writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
});

const server = process.env.GRANARY ?? 'http://127.0.0.1:2379';
const proxied = { target: server, ws: true, changeOrigin: true };
const ofConsole = { ...proxied, rewrite: (path: string) => `/console${path}` };

export default defineConfig({
  base: './',
  plugins: [compressed()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/v3': proxied, '/version': proxied, '/metrics': proxied, '/settings.json': ofConsole, '/history': ofConsole } },
});
