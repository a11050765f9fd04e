;; The Internet checksum (RFC 1071) of bytes in packet memory, with 128-bit SIMD, in place.
;;
;; The sum is taken over 16-bit words as the processor loads them, little-endian, and the folded result is byte-swapped
;; at the end: the one's-complement sum does not care in which byte order it is taken (RFC 1071, section 2 (B)). The
;; integer sum before folding is exact, so that the result is 0 only where every word is 0.
;;
;; Adding unsigned words: there is one instruction that multiplies signed 16-bit words and adds neighbouring products
;; into 32-bit lanes (i32x4.dot_i16x8_s). Flipping the top bit of an unsigned word w gives the signed word w - 0x8000;
;; the dot product with ones then adds up words, and 0x8000 for each of them is added back in the end. That is three
;; operations for 16 bytes, one fewer than i32x4.extadd_pairwise_i16x8_u needs on x86.
(module
  (import "packet" "memory" (memory 1))

  ;; sum(position, length, initial) -> the folded 16-bit sum, in network order, of the bytes at
  ;; [position, position + length) and `initial`, an unsigned 32-bit partial sum.
  (func (export "sum") (param $position i32) (param $length i32) (param $initial i32) (result i32)
    (local $total i64)      ;; the exact sum of little-endian words
    (local $blockEnd i32)   ;; where the current block of 64-byte strides ends
    (local $word64 i64)
    (local $vectors i32)    ;; 16-byte vectors added as signed words so far
    (local $flip v128) (local $ones v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)

    (local.set $flip (v128.const i16x8 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000 0x8000))
    (local.set $ones (v128.const i16x8 1 1 1 1 1 1 1 1))
    (local.set $vectors (i32.shr_u (local.get $length) (i32.const 4)))

    (block $vectorsDone
      (br_if $vectorsDone (i32.eqz (local.get $vectors)))
      ;; Each vector gave back eight words less 0x8000 each.
      (local.set $total (i64.mul (i64.extend_i32_u (local.get $vectors)) (i64.const 0x40000)))

      (loop $nextBlock
        ;; A vector adds at most 2 * 0x8000 in magnitude to a 32-bit lane. Blocks of 256 KiB, 16,384 vectors, keep even
        ;; the sum of the four accumulators below 2^31.
        (local.set $blockEnd
          (i32.add (local.get $position)
            (select (i32.const 0x40000) (i32.and (local.get $length) (i32.const -64))
              (i32.gt_u (local.get $length) (i32.const 0x40000)))))
        (local.set $length
          (i32.sub (local.get $length) (i32.sub (local.get $blockEnd) (local.get $position))))

        ;; 64 bytes a turn into four accumulators, so that no addition waits for the one before it.
        (block $strideDone
          (br_if $strideDone (i32.eq (local.get $position) (local.get $blockEnd)))
          (loop $stride
            (local.set $a (i32x4.add (local.get $a)
              (i32x4.dot_i16x8_s (local.get $ones)
                (v128.xor (local.get $flip) (v128.load align=1 (local.get $position))))))
            (local.set $b (i32x4.add (local.get $b)
              (i32x4.dot_i16x8_s (local.get $ones)
                (v128.xor (local.get $flip) (v128.load offset=16 align=1 (local.get $position))))))
            (local.set $c (i32x4.add (local.get $c)
              (i32x4.dot_i16x8_s (local.get $ones)
                (v128.xor (local.get $flip) (v128.load offset=32 align=1 (local.get $position))))))
            (local.set $d (i32x4.add (local.get $d)
              (i32x4.dot_i16x8_s (local.get $ones)
                (v128.xor (local.get $flip) (v128.load offset=48 align=1 (local.get $position))))))
            (local.set $position (i32.add (local.get $position) (i32.const 64)))
            (br_if $stride (i32.lt_u (local.get $position) (local.get $blockEnd)))))

        (local.set $a (i32x4.add
          (i32x4.add (local.get $a) (local.get $b))
          (i32x4.add (local.get $c) (local.get $d))))

        ;; The up to three vectors left over when fewer than 64 bytes remain.
        (block $vectorDone
          (br_if $vectorDone (i32.ge_u (local.get $length) (i32.const 64)))
          (loop $vector
            (br_if $vectorDone (i32.lt_u (local.get $length) (i32.const 16)))
            (local.set $a (i32x4.add (local.get $a)
              (i32x4.dot_i16x8_s (local.get $ones)
                (v128.xor (local.get $flip) (v128.load align=1 (local.get $position))))))
            (local.set $position (i32.add (local.get $position) (i32.const 16)))
            (local.set $length (i32.sub (local.get $length) (i32.const 16)))
            (br $vector)))

        ;; Four signed 32-bit lanes into the total.
        (local.set $a (i64x2.add
          (i64x2.extend_low_i32x4_s (local.get $a))
          (i64x2.extend_high_i32x4_s (local.get $a))))
        (local.set $total (i64.add (local.get $total)
          (i64.add (i64x2.extract_lane 0 (local.get $a)) (i64x2.extract_lane 1 (local.get $a)))))

        (if (i32.ge_u (local.get $length) (i32.const 16))
          (then
            (local.set $a (v128.const i64x2 0 0))
            (local.set $b (v128.const i64x2 0 0))
            (local.set $c (v128.const i64x2 0 0))
            (local.set $d (v128.const i64x2 0 0))
            (br $nextBlock)))))

    ;; The last 0 to 15 bytes. Adding 32-bit words adds their 16-bit halves, as far as folding is concerned, because
    ;; 2^16 is 1 modulo 0xffff.
    (if (i32.and (local.get $length) (i32.const 8))
      (then
        (local.set $word64 (i64.load align=1 (local.get $position)))
        (local.set $total (i64.add (local.get $total)
          (i64.add
            (i64.and (local.get $word64) (i64.const 0xffffffff))
            (i64.shr_u (local.get $word64) (i64.const 32)))))
        (local.set $position (i32.add (local.get $position) (i32.const 8)))))
    (if (i32.and (local.get $length) (i32.const 4))
      (then
        (local.set $total (i64.add (local.get $total) (i64.load32_u align=1 (local.get $position))))
        (local.set $position (i32.add (local.get $position) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2))
      (then
        (local.set $total (i64.add (local.get $total) (i64.load16_u align=1 (local.get $position))))
        (local.set $position (i32.add (local.get $position) (i32.const 2)))))
    ;; An odd last byte counts as followed by a zero byte (RFC 1071, section 4.1): the low byte of a little-endian word.
    (if (i32.and (local.get $length) (i32.const 1))
      (then
        (local.set $total (i64.add (local.get $total) (i64.load8_u (local.get $position))))))

    ;; 64 bits to 33, to 17 or 18, to 16 bits and a carry, to 16.
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffffffff)) (i64.shr_u (local.get $total) (i64.const 32))))
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffff)) (i64.shr_u (local.get $total) (i64.const 16))))
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffff)) (i64.shr_u (local.get $total) (i64.const 16))))
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffff)) (i64.shr_u (local.get $total) (i64.const 16))))

    ;; To network order, plus the initial sum, and folded again.
    (local.set $total (i64.add
      (i64.extend_i32_u (local.get $initial))
      (i64.or
        (i64.shl (i64.and (local.get $total) (i64.const 0xff)) (i64.const 8))
        (i64.shr_u (local.get $total) (i64.const 8)))))
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffff)) (i64.shr_u (local.get $total) (i64.const 16))))
    (local.set $total (i64.add
      (i64.and (local.get $total) (i64.const 0xffff)) (i64.shr_u (local.get $total) (i64.const 16))))
    (i32.wrap_i64 (local.get $total))
  )
)
