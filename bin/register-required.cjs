// What `--require tapstack/register` and `require('tapstack/register')` get: neither can wait until a stack is there.
console.error(
  'tapstack: tapstack/register is loaded by --import, before the program: node --import tapstack/register app.js',
)
process.exit(64)
