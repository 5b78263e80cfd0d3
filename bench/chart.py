"""Charts as SVG. The background is white, so that they can be read in dark pages too."""

import math
from html import escape

WIDTH = 760
FONT = 'font-family="system-ui, sans-serif" font-size="12"'
OURS, PEER, FLOOR = '#c2410c', '#94a3b8', '#334155'

# Peers in a line chart: told apart by colour and by their name at the line's end.
PEER_COLOURS = ['#0369a1', '#15803d', '#7e22ce', '#a16207', '#be185d', '#0f766e', '#4338ca', '#65a30d']
OUR_COLOURS = ['#c2410c', '#ea580c', '#f97316', '#fb923c', '#b91c1c']


def bars(title, unit, values):
    """Horizontal bars: (client, value, spread as a share of it), the best first.

    What is more than twenty times the median is cut, with its number beside it.
    """
    ordered = sorted(value for _, value, _ in values)
    longest = min(ordered[-1], 20 * ordered[len(ordered) // 2])
    left, right, row = 160, 70, 20
    scale = (WIDTH - left - right) / longest
    body = []
    for index, (client, value, spread) in enumerate(values):
        top = 44 + index * row
        width = max(min(value, longest) * scale, 1)
        body.append(f'<text x="{left - 8}" y="{top + 13}" text-anchor="end">{escape(client.name)}</text>')
        body.append(f'<rect x="{left}" y="{top + 2}" width="{width:.1f}" height="{row - 6}" fill="{colour(client)}"/>')
        if value <= longest:
            half = spread * value * scale
            body.append(f'<path d="M{left + width - half:.1f} {top + 9}h{2 * half:.1f}" stroke="black"/>')
        body.append(f'<text x="{left + width + 6:.1f}" y="{top + 13}">{short(value)}</text>')
    return document(44 + len(values) * row + 12, title, unit, body)


def lines(title, x_unit, y_unit, series):
    """Both axes logarithmic: [(client, [(x, y), ...]), ...]."""
    left, right, top, height = 60, 160, 50, 380
    xs = sorted({x for _, points in series for x, _ in points})
    ys = [y for _, points in series for _, y in points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def place(x, y):
        share = math.log(x / xs[0]) / math.log(xs[-1] / xs[0])
        return (left + share * (WIDTH - left - right),
                top + height - (math.log10(y) - low) / (high - low) * height)

    body = []
    for power in range(low, high + 1):
        _, y = place(xs[0], 10 ** power)
        body.append(f'<path d="M{left} {y:.1f}H{WIDTH - right}" stroke="#e2e8f0"/>')
        body.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(10 ** power)}</text>')
    for x in xs:
        at, _ = place(x, 10 ** low)
        body.append(f'<text x="{at:.1f}" y="{top + height + 16}" text-anchor="middle">{size(x)}</text>')
    body.append(f'<text x="{(left + WIDTH - right) / 2}" y="{top + height + 34}" text-anchor="middle">{escape(x_unit)}</text>')
    ends = []
    ours, peers = iter(OUR_COLOURS * 9), iter(PEER_COLOURS * 9)
    for client, points in series:
        shade = FLOOR if client.floor else next(ours if client.ours else peers)
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in (place(*point) for point in sorted(points)))
        width = 2.5 if client.ours else 1.2
        body.append(f'<polyline points="{path}" fill="none" stroke="{shade}" stroke-width="{width}"/>')
        ends.append([*place(*max(points)), client.name, shade])
    body += names_at(ends)
    return document(top + height + 48, title, y_unit, body)


def names_at(ends):
    """A name at the end of each line, moved apart where lines end together."""
    below = 0
    for x, y, name, shade in sorted(ends, key=lambda end: end[1]):
        below = max(y + 4, below + 13)
        yield f'<text x="{x + 6:.1f}" y="{below:.1f}" fill="{shade}">{escape(name)}</text>'


def colour(client):
    return FLOOR if client.floor else OURS if client.ours else PEER


def short(value):
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def size(value):
    for unit, name in ((1 << 20, 'Mi'), (1 << 10, 'Ki')):
        if value >= unit and value % unit == 0:
            return f'{value // unit} {name}'
    return f'{value:,}'


def document(height, title, unit, body):
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<title>{escape(title)}</title>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="20" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="12" y="37" fill="#475569">{escape(unit)}</text>',
        *body, '</svg>', ''])
