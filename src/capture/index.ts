export { type CaptureSink, FileSink, MemorySink, StreamSink } from './capture-sink.ts'
export {
  type CaptureDirection,
  type CapturedFrame,
  CaptureFormatError,
  type CaptureInterface,
  LINK_TYPE_ETHERNET,
  LINK_TYPE_RAW,
} from './captured-frame.ts'
export { FrameRecorder } from './frame-recorder.ts'
export { type CapturedInterfaceOptions, PcapngWriter, type PcapngWriterOptions } from './pcapng-writer.ts'
export { readCapture } from './read-capture.ts'
