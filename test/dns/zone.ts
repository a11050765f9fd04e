/** What the name server of these tests says: one name for every kind of answer, good and bad. */
import packet from 'dns-packet'
import { answerBytes, type Decoded, record, soa } from '../support/dns-server.ts'

/** All answers to a query, in the order in which they are sent; none: silence. */
export function answersTo(bytes: Buffer, overTcp: boolean): Buffer[] {
  const decoded = packet.decode(bytes) as Decoded
  const query = { id: decoded.id, ...decoded.questions[0] }
  const name = query.name.toLowerCase()
  const say = (parts: Decoded = {}) => [answerBytes(query, { authorities: [soa('test')], ...parts })]
  switch (name) {
    case 'silent.test':
      return []
    case 'servfail.test':
      return say({ rcode: 2, authorities: [] })
    case 'refused.test':
      return say({ rcode: 5, authorities: [] })
    case 'notimp.test':
      return say({ rcode: 4, authorities: [] })
    case 'formerr.test':
      return say({ rcode: 1, authorities: [] })
    case 'truncated.test':
      if (!overTcp) return say({ flags: packet.TRUNCATED_RESPONSE })
      return say({ answers: Array.from({ length: 100 }, (_, i) => record('A', query.name, `10.1.0.${i}`)) })
    case 'spoofed.test': {
      const evil = { answers: [record('A', query.name, '6.6.6.6')] }
      return [
        answerBytes({ ...query, id: query.id ^ 1 }, evil),
        answerBytes({ ...query, name: 'other.test' }, evil),
        ...say({ answers: [record('A', query.name, '10.0.0.1')] }),
      ]
    }
    case 'case.test':
      return [answerBytes({ ...query, name: 'CASE.test' }, { answers: [record('A', 'cAsE.test', '10.0.0.8')] })]
    case 'twice.test':
      return say({ answers: [1, 2].map(() => record('A', query.name, '10.0.0.1')) })
    case 'mixed.test':
      return say({ answers: [record('AAAA', query.name, '2001:db8::1'), record('A', query.name, '10.0.0.1')] })
    case 'stranger.test':
      return say({ answers: [record('A', 'www.example', '6.6.6.6')] })
    case 'both.test':
      return say({ answers: [record('A', 'www.example', '6.6.6.6'), record('A', query.name, '10.0.0.1')] })
    case 'long.test': {
      const links = Array.from({ length: 12 }, (_, i) => record('CNAME', `${i || 'long'}.test`, `${i + 1}.test`))
      return say({ answers: [...links, record('A', '12.test', '10.0.0.12')] })
    }
    case 'forever.test':
      return say({ answers: [{ ...record('A', query.name, '10.0.0.1'), ttl: 2 ** 31 + 5 }] })
    case 'loop.test':
      return say({ answers: [record('CNAME', 'loop.test', 'loop2.test'), record('CNAME', 'loop2.test', 'loop.test')] })
    case 'nowhere.test':
      return say({ answers: [record('CNAME', name, 'gone.test')] })
    case 'alias.test':
      return say({
        answers: [record('CNAME', name, 'www.test', 30), ...recordsOf('www.test', query.type)].filter(
          ({ type }) => query.type !== 'CNAME' || type === 'CNAME',
        ),
      })
    default: {
      const answers = recordsOf(name, query.type).map((each) => ({ ...each, name: query.name }))
      if (answers.length > 0) return say({ answers })
      return say(Object.hasOwn(ZONE, name) ? {} : { rcode: 3 })
    }
  }
}

function recordsOf(name: string, type: string): Decoded[] {
  const records = Object.hasOwn(ZONE, name) ? ZONE[name] : []
  return records.filter((each) => type === 'ANY' || each.type === type).map((each) => ({ ...each, name }))
}

const ZONE: Record<string, Decoded[]> = {
  'www.test': [
    record('A', '', '10.0.0.1', 300),
    record('A', '', '10.0.0.2', 200),
    record('AAAA', '', '2001:db8:0:0:0:0:0:1', 100),
    record('AAAA', '', '::ffff:10.0.0.9', 100),
  ],
  'compatible.test': ['::192.0.2.1', '::2', '::1', '::', '::1:0', '::ffff:0:1'].map((each) => record('AAAA', '', each)),
  'v4only.test': [record('A', '', '10.0.0.4')],
  'v6only.test': [record('AAAA', '', '2001:db8::6')],
  'zero.test': [record('A', '', '10.0.0.5', 0)],
  'xn--bcher-kva.test': [record('A', '', '10.0.0.6')],
  'under_score.test': [record('A', '', '10.0.0.7')],
  'empty.test': [record('TXT', '', ['nothing else'])],
  'cname.test': [record('CNAME', '', 'www.test')],
  'mail.test': [
    record('MX', '', { preference: 10, exchange: 'mx1.test' }),
    record('MX', '', { preference: 5, exchange: 'MX2.Test' }),
  ],
  'nomail.test': [record('MX', '', { preference: 0, exchange: '.' })],
  'text.test': [
    record('TXT', '', ['one', 'two']),
    record('TXT', '', ['']),
    record('TXT', '', [Buffer.from([0xe9, 0x80])]),
  ],
  '_sip._tcp.test': [
    record('SRV', '', { priority: 1, weight: 2, port: 5060, target: 'sip1.test' }),
    record('SRV', '', { priority: 3, weight: 4, port: 5061, target: 'sip2.test' }),
  ],
  'ns.test': [record('NS', '', 'ns1.test'), record('NS', '', 'ns2.test')],
  'soa.test': [soa('soa.test')].map((each) => ({ ...each, name: '' })),
  'caa.test': [
    record('CAA', '', { flags: 0, tag: 'issue', value: 'ca.test' }),
    record('CAA', '', { flags: 128, tag: 'iodef', value: 'mailto:a@test' }),
  ],
  'naptr.test': [
    record('NAPTR', '', {
      order: 1,
      preference: 2,
      flags: 's',
      services: 'SIP+D2U',
      regexp: '',
      replacement: '_sip._udp.test',
    }),
  ],
  'tlsa.test': [record('TLSA', '', { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from('abcdef') })],
  'null.test': [
    record('MX', '', { preference: 1, exchange: 'm.test' }),
    record('SRV', '', { priority: 0, weight: 0, port: 0, target: '.' }),
  ],
  'texts.test': [
    record('TXT', '', ['x'.repeat(255), 'y'.repeat(255), '']),
    record('TXT', '', ['"quoted" \\\\ ; back']),
  ],
  'tags.test': ['issuewild', 'contactemail', 'issuemail', 'x'].map((tag) =>
    record('CAA', '', { flags: 1, tag, value: 'v' }),
  ),
  'odd.test': [
    record('NAPTR', '', {
      order: 65535,
      preference: 0,
      flags: '',
      services: '',
      regexp: '!^.*$!sip:a@b!',
      replacement: 'r.test',
    }),
  ],
  'tlsas.test': [
    record('TLSA', '', { usage: 0, selector: 0, matchingType: 0, certificate: Buffer.alloc(300, 7) }),
    record('TLSA', '', { usage: 255, selector: 255, matchingType: 255, certificate: Buffer.alloc(1) }),
  ],
  'pointers.test': [record('PTR', '', 'A.Test'), record('NS', '', 'B.Test'), record('CNAME', '', 'www.test')],
  'a b.test': [record('A', '', '10.0.0.20')],
  localhost: [record('A', '', '10.9.9.9')],
  '127.0.0.1': [record('A', '', '10.9.9.8')],
  'any.test': [
    record('A', '', '10.0.0.1', 60),
    record('AAAA', '', '2001:db8::1', 70),
    record('MX', '', { preference: 10, exchange: 'mx1.test' }),
    record('NS', '', 'ns1.test'),
    record('TXT', '', ['one', 'two']),
    record('SRV', '', { priority: 1, weight: 2, port: 3, target: 't.test' }),
    record('NAPTR', '', { order: 1, preference: 2, flags: 'u', services: 's', regexp: '!a!b!', replacement: '.' }),
    { ...soa('any.test'), name: '' },
    record('CAA', '', { flags: 0, tag: 'issue', value: 'ca.test' }),
  ],
  '1.0.0.10.in-addr.arpa': [record('PTR', '', 'www.test'), record('PTR', '', 'web.test')],
  '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': [record('PTR', '', 'six.test')],
  '2.0.0.10.in-addr.arpa': [],
}
