/** What stands in struct virtio_net_hdr: Virtual I/O Device 1.2, section 5.1.6. */

export const VIRTIO_NEEDS_CHECKSUM = 1
export const VIRTIO_DATA_VALID = 2
export const VIRTIO_GSO_NONE = 0
export const VIRTIO_GSO_TCPV4 = 1
export const VIRTIO_GSO_TCPV6 = 4
/** UDP datagrams in one; a packet socket may bring it. Virtual I/O Device 1.3, section 5.1.6. */
export const VIRTIO_GSO_UDP_L4 = 5
/** With either of both: CWR belongs to the first segment only. */
export const VIRTIO_GSO_ECN = 0x80
