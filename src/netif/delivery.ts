/**
 * Whether a device is delivering frames at this moment. That happens in the phase of the event loop in which libuv tells of
 * sockets, so that whoever is told of what has arrived need not wait for that phase to come again.
 */
export const delivery = { isUnderWay: false }
