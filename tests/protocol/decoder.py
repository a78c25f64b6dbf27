#!/usr/bin/env python3
"""A client's decoder, written from docs/PROTOCOL.md alone: section numbers are that page's.

    decoder.py MODEL_TABLE_H TAPE       decodes a taped session and compares what is held with the C client
    decoder.py MODEL_TABLE_H PROTOCOL.md --examples   decodes the page's examples
"""
import math
import re
import struct
import sys

MASK64 = (1 << 64) - 1
END = 1 << 32
SLOTS_MAX = 131072


class Malformed(Exception):
    pass


def check(good):
    if not good:
        raise Malformed()


def wrap(value):
    value &= MASK64
    return value - (1 << 64) if value >> 63 else value


# ---- 2. numbers ----

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        check(self.at + size <= len(self.data))
        self.at += size
        return self.data[self.at - size:self.at]

    def fixed(self, size):
        return int.from_bytes(self.bytes(size), 'little')

    def varint(self, limit=MASK64):
        value = 0
        for i in range(10):
            byte = self.fixed(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                check(value <= limit)
                return value
        raise Malformed()

    def signed(self):
        v = self.varint()
        return wrap((v >> 1) ^ -(v & 1))

    def f64(self):
        return struct.unpack('<d', self.bytes(8))[0]

    def name(self):
        size = self.fixed(1)
        check(1 <= size <= 31)
        text = self.bytes(size)
        check(re.fullmatch(rb'[A-Za-z0-9\-_][A-Za-z0-9\-_.]*', text))
        return text.decode()

    def left(self):
        return len(self.data) - self.at


def rounded(a, s):
    return wrap(a << -s) if s <= 0 else wrap(a + (1 << s - 1)) >> s


def near(low, bits, newest):
    half = 1 << bits - 1
    return newest + ((low - newest + half) % (1 << bits)) - half


# ---- 5. kinds ----

POSITION, ROTATION, SCALAR, INTEGER, BYTES = range(5)
HOLD, LINEAR, HEADING = range(3)


class Field:
    def __init__(self, r):
        self.name = r.name()
        self.type, self.predictor, self.level_last, self.bytes_max = r.fixed(1), r.fixed(1), r.fixed(1), r.fixed(2)
        check(self.type <= BYTES and self.level_last < 12)
        types = {HOLD: range(5), LINEAR: (POSITION, ROTATION, SCALAR), HEADING: (ROTATION,)}
        check(self.predictor in types and self.type in types[self.predictor])
        check(1 <= self.bytes_max <= 1024 if self.type == BYTES else self.bytes_max == 0)
        self.tolerance, self.shift = [], []
        if self.type <= SCALAR:
            self.tolerance = [r.f64() for _ in range(12)]
            limit = 1.5 if self.type == ROTATION else 1e6
            check(all(1e-7 <= t <= limit for t in self.tolerance) and self.tolerance == sorted(self.tolerance))
            self.shift = [min(20, max(-6, ceil_log2(4 / t))) for t in self.tolerance]
        linear = self.predictor == LINEAR
        self.words = {POSITION: 7, ROTATION: 7 if linear else 4, SCALAR: 3 if linear else 1, INTEGER: 1, BYTES: 1 + (self.bytes_max + 7) // 8}[self.type]


def ceil_log2(x):
    mantissa, exponent = math.frexp(x)
    return exponent - 1 if mantissa == 0.5 else exponent


class Kind:
    def __init__(self, r):
        self.name = r.name()
        count = r.fixed(1)
        check(1 <= count <= 16)
        self.level_last, self.reach, policies = r.fixed(1), r.fixed(4), r.fixed(1)
        check(self.level_last < 12 and self.reach <= 250000 and policies < 64 and all(policies >> 2 * i & 3 < 3 for i in range(3)))
        self.fields = [Field(r) for _ in range(count)]
        check(self.fields[0].type == POSITION)


class Table:
    def __init__(self, data):
        r = Reader(data)
        self.tick_hz, count = r.fixed(1), r.fixed(1)
        check(1 <= self.tick_hz <= 240 and 1 <= count <= 64)
        self.kinds = [Kind(r) for _ in range(count)]
        check(r.left() == 0)
        self.rate_shift = (self.tick_hz - 1).bit_length() + 1


# ---- 6. states: a state is a list of words for each field ----

def valid(field, w, level, tick, rate_shift):
    s = field.shift[level] if field.shift else 0
    start = 0 <= w[0] <= tick + 1000
    if field.type == POSITION:
        return start and all(abs(p) <= 2 ** (32 + s) for p in w[1:4]) and all(abs(v) <= 2 ** (20 + s + rate_shift) for v in w[4:])
    if field.type == ROTATION:
        good = all(abs(x) <= 4 * 2.0 ** s for x in w[1:4])
        if field.predictor == LINEAR:
            return good and start and all(abs(x) <= 2 ** (19 + s) for x in w[4:])
        return good and w[0] in (0, 1)
    if field.type == SCALAR:
        return all(abs(x) <= 1 << 61 for x in w[-2:]) and start if field.predictor == LINEAR else abs(w[0]) <= 1 << 61
    return True


# ---- 9. the range coder ----

MODELS = {}  # name: first context
for line in '''added 0 filled 40 changed 41 op 133 kind 137 server 201 id 202 carrier 288 field 290 still 295 age 298 place 378 speed 464
turn 636 swerve 640 since 1156 miss 1196 mode 1712 rotation 1715 spin 1973 scalar 2102 integer 2231 bytes 2274'''.split('\n'):
    words = line.split()
    MODELS.update({words[i]: int(words[i + 1]) for i in range(0, len(words), 2)})
UINT, SIGNED, CONTEXTS = 40, 43, 2314


class Coder:
    def __init__(self, data, models):
        self.data, self.at = data, 0
        self.models = list(models)
        self.range, self.code = 0xffffffff, 0
        for _ in range(4):
            self.code = self.code << 8 | self.next()

    def next(self):
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def split(self, bound):
        if self.code >= bound:
            self.code -= bound
            self.range -= bound
            bit = 1
        else:
            self.range, bit = bound, 0
        while self.range < 1 << 24:
            self.range = self.range << 8 & 0xffffffff
            self.code = (self.code << 8 | self.next()) & 0xffffffff
        return bit

    def bit(self, context):
        p = self.models[context]
        b = self.split((self.range >> 15) * max(1, p >> 1))
        self.models[context] = p - (p >> 6) if b else p + ((65535 - p) >> 6)
        return b

    def raw(self, n):
        value = 0
        for _ in range(n):
            value = value << 1 | self.split(self.range >> 1)
        return value

    def uint(self, context):
        length = 0
        while length < 64 and self.bit(context + min(length, 19)):
            length += 1
        if length <= 1:
            return length
        second = self.bit(context + 20 + min(length, 19))
        return 1 << length - 1 | second << length - 2 | self.raw(length - 2)

    def signed(self, context, lean):
        magnitude = self.uint(context)
        if magnitude and self.bit(context + 41 + lean):
            return wrap(-magnitude)
        return wrap(magnitude)


def read_models(path):
    text = open(path).read()
    text = re.sub(r'//.*', '', text)
    body = text[text.index('{'):]
    numbers = [int(n) for n in re.findall(r'\b\d+\b', body)]
    check(len(numbers) == 7 * CONTEXTS)
    return [numbers[i * CONTEXTS:(i + 1) * CONTEXTS] for i in range(7)]


# ---- 10. the grammar of a chunk ----

def sign(v):
    return (v > 0) - (v < 0)


def role(axis, m):
    if axis == 1:
        return 2
    leads = 0 if abs(m[0]) >= abs(m[2]) else 2
    return 0 if axis == leads else 1


class ChunkReader:
    def __init__(self, client, head, level, base_slots, count, to_tick):
        self.table, self.level, self.to = client.table, level, to_tick
        self.c = Coder(head['data'], client.models[min(level, 6)])
        self.head, self.base, self.count = head, base_slots, count
        self.recent, self.carrier = [], 0
        with_base = [s for i, s in enumerate(base_slots) if s and head['begin'] <= i < head['end']] if not head['whole'] else []
        self.id = with_base[0]['id'] if with_base else 0

    def context(self, name, offset=0):
        return MODELS[name] + offset

    def is_fast(self, field, v):
        unit = int(2500 * 2.0 ** (field.shift[self.level] + self.table.rate_shift))
        return abs(v[0]) + abs(v[2]) > unit // (1000 * self.table.tick_hz)

    def slot_class(self, base):
        if not base:
            return 0
        field, w = self.table.kinds[base['kind']].fields[0], base['state'][0]
        if field.predictor == HOLD:
            return 1
        if not any(w[4:7]):
            return 2
        age = min(9, max(0, self.to - w[0]).bit_length())
        return (13 if self.is_fast(field, w[4:7]) else 3) + age

    def ops(self):
        """Yields (slot, op, entity)."""
        begin, end = self.head['begin'], self.head['end']
        if end == END:
            added = self.c.uint(self.context('added'))
            check(added <= SLOTS_MAX)
            end = (begin if self.head['whole'] else self.count) + added
            self.head['top'] = end
        check(end <= SLOTS_MAX)
        for i in range(begin, end):
            base = self.base[i] if not self.head['whole'] and i < len(self.base) else None
            if self.head['whole']:
                changed = self.c.bit(self.context('filled'))
            else:
                some = any(self.recent[-8:])
                steps = 0 if self.head['steps'] == 1 else 1
                changed = self.c.bit(self.context('changed', (steps * 2 + some) * 23 + self.slot_class(base)))
                self.recent.append(changed)
            if changed:
                yield (i,) + self.op(base)

    def op(self, base):
        c = self.c
        if base:
            if not c.bit(self.context('op')):
                return 'UPDATE', dict(base, state=self.state(base['kind'], base['state']))
            if not c.bit(self.context('op', 1)):
                return 'LEAVE', None
            if c.bit(self.context('op', 2)):
                return 'DELETE', None
        server, counter = self.id >> 48, self.id & (1 << 48) - 1
        if c.bit(self.context('server')):
            server = c.raw(16)
        counter = (counter + c.signed(self.context('id', SIGNED * self.head['whole']), 1)) % (1 << 48)
        self.id = server << 48 | counter
        check(self.id)
        node = 1
        for _ in range(6):
            node = 2 * node + c.bit(self.context('kind', node))
        check(node - 64 < len(self.table.kinds))
        carrier = 0
        if c.bit(self.context('carrier')):
            if c.bit(self.context('carrier', 1)):
                self.carrier = c.raw(64)
            carrier = self.carrier
        return 'ENTER', {'id': self.id, 'carrier': carrier, 'kind': node - 64, 'state': self.state(node - 64, None)}

    def state(self, kind, base):
        out = []
        for i, field in enumerate(self.table.kinds[kind].fields):
            b = base[i] if base else None
            if self.level > field.level_last:
                out.append([0] * field.words)
                continue
            if b and not self.c.bit(self.context('field', field.type)):
                w = b
            else:
                w = (self.position, self.rotation, self.scalar, self.integer, self.bytes)[field.type](field, b)
            check(valid(field, w, self.level, self.to, self.table.rate_shift))
            out.append(w)
        return out

    def start(self, base):
        return wrap(self.to - self.c.uint(self.context('age', UINT if base else 0)))

    def position(self, field, b):
        c = self.c
        if not b:
            moves = c.bit(self.context('still'))
            t0 = self.start(b) if moves else 0
            p, v = [], []
            for axis in range(3):
                vertical = SIGNED * (axis == 1)
                p.append(c.signed(self.context('place', vertical), 1))
                v.append(c.signed(self.context('speed', vertical), 0) if moves else 0)
            return [t0] + p + v
        bt, bp, bv = b[0], b[1:4], b[4:7]
        was_moving = any(bv)
        moves = c.bit(self.context('still', 1 if was_moving else 2))
        t0 = self.start(b) if moves else 0
        v = [0, 0, 0]
        if moves:
            e = self.turn(bv) if was_moving else None
            if e:
                straight, e = e
                for axis in range(3):
                    part = ((0 if straight else 1) * 2 + self.is_fast(field, bv)) * 3 + role(axis, e)
                    v[axis] = wrap(e[axis] + c.signed(self.context('swerve', part * SIGNED), sign(e[axis])))
            else:
                v = [c.signed(self.context('speed', (2 + (axis == 1)) * SIGNED), 0) for axis in range(3)]
        at = t0 if moves else self.to
        rate = self.table.rate_shift
        e = [wrap(bp[a] + rounded(wrap(bv[a] * wrap(at - bt)), rate)) for a in range(3)]
        d = [float(v[a]) - float(bv[a]) for a in range(3)]
        n = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
        tolerance = field.tolerance[self.level] - (field.tolerance[0] if self.level else 0)
        t = tolerance * 2.0 ** field.shift[self.level]
        sudden = 2 * n > t * 2.0 ** rate
        if sudden:
            since = c.uint(self.context('since'))
            check(since <= 15)
            e = [wrap(e[a] + math.floor(d[a] * (since * 2.0 ** -rate) + 0.5)) for a in range(3)]
        elif n:
            e = [wrap(e[a] + math.floor(d[a] * (t / n) + 0.5)) for a in range(3)]
        how = 3 if sudden else 0 if moves and was_moving else 2 if moves else 1
        change = [wrap(v[a] - bv[a]) for a in range(3)]
        p = [wrap(e[a] + c.signed(self.context('miss', (how * 3 + role(a, change)) * SIGNED), sign(change[a]))) for a in range(3)]
        return [t0] + p + v

    def turn(self, v):
        c = self.c
        if not c.bit(self.context('turn')):
            return True, list(v)
        if c.bit(self.context('turn', 1)):
            return False, [-v[2], v[1], v[0]] if c.bit(self.context('turn', 2)) else [v[2], v[1], -v[0]]
        return None if c.bit(self.context('turn', 3)) else (False, [-v[0], v[1], -v[2]])

    def vector(self, name, offset, b):
        return [wrap((b[a] if b else 0) + self.c.signed(self.context(name, (offset + a) * SIGNED), 0)) for a in range(3)]

    def rotation(self, field, b):
        changed = 3 if b else 0
        if field.predictor == LINEAR:
            r = self.vector('rotation', changed, b and b[1:4])
            w = self.vector('spin', 0, b and b[4:7])
            return [self.start(b) if any(w) else 0] + r + w
        mode = self.c.bit(self.context('mode', 1 + b[0] if b else 0)) if field.predictor == HEADING else 0
        if mode:
            return [1, 0, 0, 0]
        return [0] + self.vector('rotation', changed, b[1:4] if b and b[0] == 0 else None)

    def scalar(self, field, b):
        c = self.c
        if field.predictor != LINEAR:
            return [wrap((b[0] if b else 0) + c.signed(self.context('scalar'), 0))]
        p = wrap((b[1] if b else 0) + c.signed(self.context('scalar', SIGNED), 0))
        v = wrap((b[2] if b else 0) + c.signed(self.context('scalar', 2 * SIGNED), 0))
        return [self.start(b) if v else 0, p, v]

    def integer(self, field, b):
        return [wrap((b[0] if b else 0) + self.c.signed(self.context('integer'), 0))]

    def bytes(self, field, b):
        size = self.c.uint(self.context('bytes'))
        check(size <= field.bytes_max)
        data = bytes(self.c.raw(8) for _ in range(size)) + bytes((field.words - 1) * 8 - size)
        return [size] + [int.from_bytes(data[i:i + 8], 'little', signed=True) for i in range(0, len(data), 8)]


# ---- 7, 8, 11. streams and what is taken ----

class Stream:
    def __init__(self, tile, opened):
        self.tile, self.opened = tile, opened
        self.slots, self.count = [], 0
        self.held = [(0, 0, -1)]  # runs: begin, version, tick

    def runs(self, begin, end):
        for i, (at, version, tick) in enumerate(self.held):
            until = self.held[i + 1][0] if i + 1 < len(self.held) else END
            if at < end and until > begin:
                yield max(at, begin), min(until, end), version, tick

    def set_held(self, begin, end, version, tick):
        runs = list(self.runs(0, begin)) + [(begin, end, version, tick)] + list(self.runs(end, END))
        self.held = []
        for at, _, v, t in runs:
            if at < END and (not self.held or self.held[-1][1:] != (v, t)):
                self.held.append((at, v, t))


class Client:
    def __init__(self, models):
        self.models = models
        self.table, self.table_bytes, self.kinds_data, self.expected = None, None, b'', 0
        self.tick = 0
        self.streams, self.closed, self.nacks = {}, {}, 0

    def datagram(self, data):
        r = Reader(data)
        kind = r.fixed(1)
        if kind == 0x81 and self.table_bytes is None:
            check(r.fixed(2) == 2)
            r.fixed(4)
            self.tick_hz, levels, self.tick, self.table_bytes = r.fixed(1), r.fixed(1), r.fixed(8), r.fixed(4)
            check(1 <= self.tick_hz <= 240 and levels <= 12 and self.table_bytes <= 49152)
        elif kind == 0x82:
            self.frame(r)

    def frame(self, r):
        sequence, low, sent, ack, held, settled, flags = (r.fixed(n) for n in (2, 4, 2, 2, 2, 1, 1))
        check(flags < 32)
        tick = near(low, 32, self.tick)
        check(tick >= 0)
        if flags & 4:
            r.fixed(2)
        closes = [r.varint(2047) for _ in range(r.fixed(1))] if flags & 16 else []
        check(len(closes) <= 64)
        if flags & 8:
            self.messages(r)
        chunks, taken, last = [], [], 0
        while r.left():
            check(self.table)
            head = self.chunk_head(r, last, tick)
            before = chunks[-1] if chunks else None
            if before and before['handle'] == head['handle']:
                check(head['begin'] >= before['end'] and (not before['whole'] or not head['whole'] or before['tile'] == head['tile']))
            last = head['handle']
            check(last not in closes)
            chunks.append(head)
            if self.is_taken(head, tick):
                stream = self.streams.get(last)
                level = head['tile'][1] if head['whole'] else stream.tile[1]
                reader = ChunkReader(self, head, level, stream.slots if stream else [], stream.count if stream else 0, head['to_tick'])
                taken.append((head, list(reader.ops())))
        self.tick = max(self.tick, tick)
        for handle in closes:
            self.closed[handle] = max(self.closed.get(handle, -1), tick)
            if handle in self.streams and self.streams[handle].opened <= tick:
                del self.streams[handle]
        for head, ops in taken:
            self.take(head, ops, tick)

    def messages(self, r):
        count, sequence = r.fixed(1), r.fixed(2)
        for i in range(count):
            kind, size = r.fixed(1), r.fixed(2)
            check(size <= 1024)
            data = r.bytes(size)
            if sequence + i != self.expected:
                continue
            self.expected += 1
            if kind == 1 and self.table is None:
                self.kinds_data += data
                if len(self.kinds_data) == self.table_bytes:
                    self.table = Table(self.kinds_data)

    def chunk_head(self, r, last, tick):
        first = r.fixed(1)
        gap = first & 127
        if gap == 127:
            gap += r.varint(2048)
        h = {'handle': last + gap, 'whole': False, 'begin': 0, 'end': END, 'steps': 1, 'age': 0}
        check(h['handle'] < 2048)
        if first < 128:
            word = r.fixed(2)
            h.update(n=6, bits=word & 63)
            size = word >> 6
        else:
            flags = r.fixed(1)
            check(flags < 32 and (not flags & 1 or (flags & 4 and not flags & 16)))
            if flags & 1:
                rank = r.fixed(1)
                level = rank // 2 + rank % 2
                check(level < 12)
                tile = [r.signed() for _ in range(3)]
                check(all(-(2 ** 19 >> rank // 2) <= t < 2 ** 19 >> rank // 2 for t in tile))
                h.update(whole=True, tile=(rank // 2, level) + tuple(tile))
            elif flags & 16:
                h.update(n=32, bits=r.varint(0xffffffff))
            else:
                h.update(n=8, bits=r.fixed(1))
            if flags & 2:
                h['begin'] = r.varint(0xfffffffe)
                h['end'] = r.varint(0xfffffffe) or END
                check(h['begin'] < h['end'])
            if flags & 4:
                h['steps'] = r.varint(0xffffffff)
            check(h['steps'] >= 1 and not (h.get('n') == 8 and h['steps'] >= 256))
            if flags & 8:
                h['age'] = r.varint(1 << 31)
            size = r.varint(1150)
        h['to_tick'] = tick - h['age']
        check(h['to_tick'] >= 0)
        h['data'] = r.bytes(size)
        return h

    def is_taken(self, h, tick):  # the rules of section 8, by their numbers
        stream = self.streams.get(h['handle'])
        c = h['to_tick']
        if tick <= self.closed.get(h['handle'], -1):  # 1
            return False
        if h['whole'] and stream:  # 2
            check(stream.tile == h['tile'])
        runs = list(stream.runs(h['begin'], h['end'])) if stream else [(h['begin'], h['end'], 0, -1)]
        if all(v and t >= c for _, _, v, t in runs):  # 3
            return False
        if h['whole']:
            missed = any(v and t > c for _, _, v, t in runs)  # 4
            self.nacks += missed
            h['version'] = h['steps']
            return not missed  # 5
        versions = {(v, t) for _, _, v, t in runs}
        if len(versions) == 1:  # 6
            a, reached = versions.pop()
            n = h['n']
            if a and a % (1 << n) == h['bits'] and (n == 32 or (reached < c <= reached + (1 << n) and h['steps'] < 1 << n)):
                h['version'] = a + h['steps']
                check(h['version'] < 1 << 32)
                return True
        self.nacks += 1  # 7
        return False

    def take(self, h, ops, tick):
        if h['handle'] not in self.streams:
            self.streams[h['handle']] = Stream(h['tile'], tick)
        stream = self.streams[h['handle']]
        if h['whole']:
            for i in range(h['begin'], min(h['end'], len(stream.slots))):
                stream.slots[i] = None
        for i, op, entity in ops:
            stream.slots += [None] * (i + 1 - len(stream.slots))
            stream.slots[i] = entity
        if h['end'] == END:
            stream.count = h['top']
        stream.set_held(h['begin'], h['end'], h['version'], h['to_tick'])

    def text(self):
        """All that is held, as the C client's tape says it."""
        lines = []
        for handle in sorted(self.streams):
            s = self.streams[handle]
            lines.append('stream %d %d %d %d %d %d' % ((handle,) + s.tile))
            lines += ['run %d %d %d' % run for run in s.held]
            for i, e in enumerate(s.slots):
                if e:
                    words = ' '.join(str(w) for field in e['state'] for w in field)
                    lines.append('slot %d %d %d %d %s' % (i, e['id'], e['carrier'], e['kind'], words))
        return lines


# ---- tapes and examples ----

def run_tape(models, path):
    client, expected, compared = Client(models), None, 0
    for line in open(path):
        line = line.rstrip('\n')
        if line.startswith('datagram '):
            client.datagram(bytes.fromhex(line[9:]))
        elif line.startswith('table '):
            client.table = Table(bytes.fromhex(line[6:]))
        elif line == 'view':
            expected = []
        elif line == 'end':
            found = client.text()
            for a, b in zip(found + [''] * len(expected), expected):
                if a != b:
                    sys.exit('the page gives: %s\nthe client has: %s' % (a, b))
            if len(found) != len(expected):
                sys.exit('%d lines, not %d' % (len(found), len(expected)))
            compared += len(expected)
        else:
            expected.append(line)
    print('%d lines are the same; %d chunks were missed' % (compared, client.nacks))
    if compared < 1000:
        sys.exit('that is too little to compare')


def run_examples(models, path):
    page = open(path).read()
    for section, wanted in (('## 16.', ['1010, p 2733 0 5139, v 0 0 1229']), ('## 17.', ['1010, p 2733 0 5139, v 0 0 1229', '1011, p 3072 0 5120, v 0 0 -819'])):
        client = Client(models)
        table = struct.pack('<BB', 20, 1) + b'\x06walker' + bytes([2, 11]) + struct.pack('<IB', 0, 0)
        levels = [0.02] + [0.032 * 2 ** level for level in range(1, 12)]
        table += b'\x08position' + struct.pack('<BBBH', 0, 1, 11, 0) + struct.pack('<12d', *levels)
        turn = [min(1.5, 0.1 * t / 0.02) for t in levels]
        table += b'\x08rotation' + struct.pack('<BBBH', 1, 2, 11, 0) + struct.pack('<12d', *turn)
        client.table = Table(table)
        first = page[page.index('## 16.'):page.index('## 17.')]
        text = first if section == '## 16.' else first.split('    82 02 00')[0] + page[page.index('## 17.'):]
        for block in re.findall(r'\n\n((?:    [0-9a-f]{2}(?: [0-9a-f]{2})*\n)+)', text):
            client.datagram(bytes.fromhex(block.replace('\n', ' ')))
        slots = client.streams[0].slots
        for i, line in enumerate(wanted):
            w = slots[i]['state'][0]
            found = '%d, p %d %d %d, v %d %d %d' % tuple(w)
            check(found == line)
        check(len(slots) == 2 and len(client.streams[0].held) == 1)
    print('both examples decode as the page says')


if __name__ == '__main__':
    tables = read_models(sys.argv[1])
    if len(sys.argv) > 3:
        run_examples(tables, sys.argv[2])
    else:
        run_tape(tables, sys.argv[2])
