export class Checksum {
  constructor(readonlyMemory: WebAssembly.Memory) {
    void readonlyMemory
  }
}
