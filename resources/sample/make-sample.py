# Makes the sample project: blender -b --factory-startup --python resources/sample/make-sample.py (Debian: python3-numpy too)
# Everything in it is computed here. All paths are relative; nothing of the machine that runs this is kept.
#
# A parcel, a vase and a little route monitor on a table, six frames. It holds what a closure has to find: libraries in
# libraries, a UDIM set, an image sequence, an environment, a geometry cache and a sound.

import gzip
import math
import os
import struct
import sys
import wave
import zlib

import bpy
import numpy as np
from mathutils import Vector

ROOT = os.path.dirname(os.path.abspath(__file__))
FRAMES = 6
SEQUENCE_FRAMES = 8


def main():
    for folder in ("assets", "shots"):
        remove_tree(os.path.join(ROOT, folder))
    write_textures()
    write_sound(path_of("assets/sound/room.wav"))
    write_cache(path_of("assets/cache/tag_swing.pc2"))
    make_materials("assets/materials/paper.blend")
    make_parcel("assets/props/parcel.blend")
    make_vase("assets/props/vase.blend")
    make_monitor("assets/props/monitor.blend")
    make_shot("shots/sh010/sh010_lighting.blend")
    files = [os.path.join(at, name) for at, _, names in os.walk(ROOT) for name in names]
    kept = [path for path in files if not path.endswith(".py")]
    print("sample: %d files, %d bytes" % (len(kept), sum(map(os.path.getsize, kept))))


def path_of(below):
    path = os.path.join(ROOT, *below.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def remove_tree(folder):
    for at, folders, names in os.walk(folder, topdown=False):
        for name in names:
            os.remove(os.path.join(at, name))
        for name in folders:
            os.rmdir(os.path.join(at, name))


# --- Pictures -------------------------------------------------------------------------------------------------------


def write_png(below, picture):
    """`picture` is rows x columns x 3 (or x 1) of 0..1; the first row is the top one."""
    data = np.clip(picture * 255.0 + 0.5, 0, 255).astype(np.uint8)
    height, width, channels = data.shape
    # Sub filter: each byte less its left neighbour, which packs smooth pictures well.
    rows = data.reshape(height, width * channels).astype(np.int16)
    left = np.zeros_like(rows)
    left[:, channels:] = rows[:, :-channels]
    filtered = ((rows - left) & 255).astype(np.uint8)
    raw = np.concatenate([np.ones((height, 1), np.uint8), filtered], axis=1).tobytes()
    colour = 2 if channels == 3 else 0

    def chunk(kind, body):
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    with open(path_of(below), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        file.write(chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def noise(height, width, cells, seed):
    """Smooth noise that tiles: random values on a grid, blended between."""
    rows, columns = cells
    grid = np.random.RandomState(seed).rand(rows, columns)
    y = np.linspace(0, rows, height, endpoint=False)
    x = np.linspace(0, columns, width, endpoint=False)
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - y0, x - x0
    fy, fx = (fy * fy * (3 - 2 * fy))[:, None], (fx * fx * (3 - 2 * fx))[None, :]

    def at(dy, dx):
        return grid[np.ix_((y0 + dy) % rows, (x0 + dx) % columns)]

    top = at(0, 0) * (1 - fx) + at(0, 1) * fx
    bottom = at(1, 0) * (1 - fx) + at(1, 1) * fx
    return top * (1 - fy) + bottom * fy


def layered(height, width, cells, seed, octaves=4):
    total, weight = np.zeros((height, width)), 0.0
    for octave in range(octaves):
        scale = 2**octave
        part = noise(height, width, (cells[0] * scale, cells[1] * scale), seed + octave)
        total += part / scale
        weight += 1.0 / scale
    return total / weight


def blend(low, high, mask):
    low, high = np.array(low, float), np.array(high, float)
    return low + (high - low) * mask[..., None]


def grid_of(height, width):
    y, x = np.mgrid[0:height, 0:width]
    return (y + 0.5) / height, (x + 0.5) / width


def smooth(edge0, edge1, value):
    t = np.clip((value - edge0) / (edge1 - edge0), 0, 1)
    return t * t * (3 - 2 * t)


def write_textures():
    write_png("assets/set/textures/planks_color.png", planks()[0])
    write_png("assets/set/textures/planks_rough.png", planks()[1])
    write_png("assets/materials/textures/cardboard_color.png", cardboard()[0])
    write_png("assets/materials/textures/cardboard_bump.png", cardboard()[1])
    write_png("assets/props/textures/parcel/label.png", label())
    write_png("assets/props/textures/parcel/tape.png", tape())
    write_png("assets/props/textures/parcel/stamp.png", stamp())
    for tile in (1001, 1002, 1011, 1012):
        write_png("assets/props/textures/vase/glaze.%d.png" % tile, glaze(tile))
    for frame in range(1, SEQUENCE_FRAMES + 1):
        write_png("assets/props/textures/monitor/route.%04d.png" % frame, route(frame))
    write_png("assets/props/textures/monitor/shell.png", shell())
    write_hdr("assets/hdri/studio.hdr", studio_light())


def planks(size=640):
    y, x = grid_of(size, size)
    row = np.floor(y * 5).astype(int)
    tone = np.random.RandomState(7).rand(5)[row]
    shift = np.random.RandomState(8).rand(5)[row]
    fibre = layered(size, size, (48, 3), 20, 4)
    rings = layered(size, size, (10, 2), 30, 3)
    wave_ = 0.5 + 0.5 * np.sin((rings * 9 + y * 36 + shift * 6) * 2.2)
    grain = 0.55 * fibre + 0.3 * wave_ + 0.15 * tone
    edge = np.minimum((y * 5) % 1, 1 - (y * 5) % 1)
    joint = smooth(0.0, 0.035, edge)
    butt = smooth(0.0, 0.008, np.abs((x + shift) % 1 - 0.5))
    colour = blend((0.30, 0.17, 0.085), (0.62, 0.40, 0.22), np.clip(grain * 1.15 - 0.05, 0, 1))
    colour = colour * (0.82 + 0.28 * tone[..., None]) * (0.35 + 0.65 * (joint * butt)[..., None])
    rough = 0.36 + 0.3 * fibre + 0.25 * (1 - joint * butt)
    return colour, rough[..., None]


def cardboard(size=352):
    y, x = grid_of(size, size)
    pulp = layered(size, size, (10, 10), 40, 5)
    flute = 0.5 + 0.5 * np.sin(x * math.tau * 44)
    specks = (noise(size, size, (110, 110), 47) > 0.9).astype(float)
    colour = blend((0.47, 0.315, 0.185), (0.66, 0.475, 0.30), pulp)
    colour *= (0.965 + 0.035 * flute)[..., None]
    colour *= (1 - 0.18 * specks)[..., None]
    bump = 0.55 * flute + 0.45 * pulp
    return colour, bump[..., None]


PAPER = (0.93, 0.92, 0.88)
DARK = (0.07, 0.08, 0.10)
ACCENT = (0.95, 0.42, 0.10)


def box(y, x, top, left, bottom, right):
    return ((y >= top) & (y < bottom) & (x >= left) & (x < right)).astype(float)


def label(height=256, width=384):
    y, x = grid_of(height, width)
    colour = np.ones((height, width, 3)) * np.array(PAPER)
    colour *= (0.97 + 0.05 * noise(height, width, (30, 40), 60))[..., None]
    ink = np.zeros((height, width))
    random = np.random.RandomState(61)
    at = 0.07
    while at < 0.56:
        wide = random.choice([0.006, 0.011, 0.017])
        ink = np.maximum(ink, box(y, x, 0.58, at, 0.9, at + wide))
        at += wide + random.choice([0.007, 0.012])
    for line, length in ((0.31, 0.46), (0.38, 0.38), (0.45, 0.42)):
        ink = np.maximum(ink, box(y, x, line, 0.07, line + 0.032, 0.07 + length))
    frame = 1 - box(y, x, 0.025, 0.018, 0.975, 0.982)
    colour = blend_mask(colour, DARK, np.maximum(ink, frame * 0.85))
    colour = blend_mask(colour, ACCENT, box(y, x, 0.07, 0.05, 0.22, 0.95))
    dx, dy = (x - 0.78) * 1.5, y - 0.62
    ring = np.hypot(dx, dy)
    colour = blend_mask(colour, DARK, smooth(0.012, 0.006, np.abs(ring - 0.19)))
    arrow = (np.abs(dy) < 0.028) & (dx > -0.11) & (dx < 0.05)
    head = (dx > 0.02) & (dx < 0.13) & (np.abs(dy) < (0.13 - dx) * 0.85)
    return blend_mask(colour, DARK, (arrow | head).astype(float))


def blend_mask(colour, ink, mask):
    return colour * (1 - mask[..., None]) + np.array(ink) * mask[..., None]


def tape(height=64, width=256):
    y, x = grid_of(height, width)
    colour = blend((0.70, 0.52, 0.30), (0.80, 0.63, 0.40), layered(height, width, (4, 16), 70, 3))
    return blend_mask(colour, ACCENT, box(y, (x * 6) % 1, 0.36, 0.2, 0.64, 0.62) * 0.85)


def stamp(size=192):
    y, x = grid_of(size, size)
    r = np.hypot(x - 0.5, y - 0.5)
    colour = np.ones((size, size, 3)) * np.array(PAPER)
    worn = smooth(0.25, 0.5, layered(size, size, (8, 8), 80, 3))
    rings = smooth(0.02, 0.008, np.abs(r - 0.42)) + smooth(0.014, 0.006, np.abs(r - 0.33))
    bars = box(y, x, 0.44, 0.2, 0.56, 0.8) + box(y, x, 0.34, 0.3, 0.38, 0.7) + box(y, x, 0.62, 0.3, 0.66, 0.7)
    return blend_mask(colour, (0.10, 0.22, 0.42), np.clip(rings + bars, 0, 1) * worn)


def glaze(tile, size=208):
    """One pattern over two by two tiles, so that a tile in the wrong place can be seen."""
    across, up = (tile - 1001) % 10, (tile - 1001) // 10
    y, x = grid_of(size, size)
    u, v = (x + across) / 2, (1 - y + up) / 2
    flow = 0.06 * np.sin(u * math.tau * 3) + 0.03 * np.sin(u * math.tau * 7 + 1)
    height = v + flow * 0.35
    deep, teal, foam = (0.015, 0.10, 0.14), (0.03, 0.33, 0.36), (0.86, 0.83, 0.72)
    colour = blend(deep, teal, smooth(0.05, 0.75, height))
    speckle = layered(size, size, (52, 52), 90 + tile, 2)
    drip = smooth(0.0, 0.05, height - 0.74 - 0.05 * np.sin(u * math.tau * 12))
    colour = blend_mask(colour, foam, drip)
    band = smooth(0.022, 0.012, np.abs(v - 0.36)) + smooth(0.012, 0.005, np.abs(v - 0.30))
    zig = np.abs(((u * 18) % 1) - 0.5) * 2
    chevron = smooth(0.020, 0.010, np.abs(v - 0.44 - 0.055 * zig))
    colour = blend_mask(colour, foam, np.clip(band + chevron, 0, 1))
    gold = smooth(0.014, 0.006, np.abs(v - 0.56))
    colour = blend_mask(colour, (0.80, 0.52, 0.16), gold)
    return np.clip(colour * (0.86 + 0.28 * speckle[..., None]), 0, 1)


def route(frame, height=100, width=160):
    """The monitor's picture: a parcel on its way between two places."""
    y, x = grid_of(height, width)
    land = layered(height, width, (3, 5), 101, 4)
    coast = smooth(0.50, 0.53, land)
    colour = blend((0.02, 0.045, 0.075), (0.045, 0.105, 0.135), coast)
    lines = (np.minimum((x * 12) % 1, (y * 7.5) % 1) < 0.05).astype(float)
    colour = blend_mask(colour, (0.10, 0.17, 0.21), lines * 0.45)
    t = min(1.0, (frame - 1) / (FRAMES - 1))
    along = (x - 0.14) / 0.72
    path = 0.66 - 0.40 * np.sin(np.clip(along, 0, 1) * math.pi) * 0.9 - 0.06 * along
    near = smooth(0.022, 0.008, np.abs(y - path)) * ((along > 0) & (along < 1))
    colour = blend_mask(colour, (0.28, 0.35, 0.38), near * 0.9)
    colour = blend_mask(colour, (1.0, 0.56, 0.12), near * (along <= t))
    here = 0.66 - 0.40 * math.sin(t * math.pi) * 0.9 - 0.06 * t
    dot = np.hypot((x - 0.14 - 0.72 * t) * 1.6, y - here)
    colour = blend_mask(colour, (1.0, 0.62, 0.2), np.clip(0.02 / (dot + 0.02) - 0.16, 0, 1) * 0.7)
    colour = blend_mask(colour, (1.0, 0.93, 0.78), smooth(0.05, 0.035, dot))
    for end in (0.0, 1.0):
        ring = np.hypot((x - 0.14 - 0.72 * end) * 1.6, y - 0.66 + 0.06 * end)
        colour = blend_mask(colour, (0.55, 0.85, 0.86), smooth(0.016, 0.006, np.abs(ring - 0.055)))
    bar = box(y, x, 0.86, 0.14, 0.90, 0.86)
    colour = blend_mask(colour, (0.12, 0.18, 0.21), bar)
    return blend_mask(colour, (0.36, 0.80, 0.72), bar * (along <= t))


def shell(size=128):
    return blend((0.16, 0.165, 0.17), (0.21, 0.215, 0.22), layered(size, size, (40, 40), 120, 2))


def studio_light(height=96, width=192):
    """A dark room with a large soft window, a warm wall and a thin strip."""
    y, x = grid_of(height, width)
    room = blend((0.035, 0.04, 0.05), (0.16, 0.17, 0.19), smooth(0.75, 0.0, y))

    def panel(top, left, bottom, right, soft):
        inside_y = smooth(top - soft, top + soft, y) * smooth(bottom + soft, bottom - soft, y)
        inside_x = smooth(left - soft, left + soft, x) * smooth(right + soft, right - soft, x)
        return (inside_y * inside_x)[..., None]

    room = room + panel(0.10, 0.05, 0.50, 0.30, 0.04) * np.array((1.9, 2.1, 2.4))
    room = room + panel(0.16, 0.62, 0.54, 0.73, 0.03) * np.array((3.1, 2.2, 1.4))
    return room + panel(0.04, 0.36, 0.16, 0.62, 0.03) * np.array((1.3, 1.3, 1.3))


def write_hdr(below, picture):
    """Radiance RGBE, one flat pixel after the other."""
    height, width, _ = picture.shape
    peak = picture.max(axis=2)
    mantissa, exponent = np.frexp(np.maximum(peak, 1e-9))
    scale = mantissa * 256.0 / np.maximum(peak, 1e-9)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = np.clip(picture * scale[..., None], 0, 255)
    pixels[..., 3] = np.clip(exponent + 128, 0, 255)
    with open(path_of(below), "wb") as file:
        file.write(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width))
        file.write(pixels.tobytes())


def write_sound(path):
    rate, seconds = 8000, 2
    t = np.arange(rate * seconds) / rate
    hum = 0.35 * np.sin(math.tau * 60 * t) + 0.12 * np.sin(math.tau * 120 * t + 0.4)
    air = np.convolve(np.random.RandomState(5).randn(t.size), np.ones(24) / 24, "same") * 0.35
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(np.clip((hum + air) * 60 + 128, 0, 255).astype(np.uint8).tobytes())


# --- Blender --------------------------------------------------------------------------------------------------------


def start_file(below):
    """An empty file that already has its place, so that paths can be made relative to it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.use_relative_paths = True
    bpy.context.preferences.filepaths.file_preview_type = "NONE"
    bpy.context.preferences.filepaths.save_version = 0
    bpy.context.scene.render.filepath = "//"
    bpy.ops.wm.save_as_mainfile(filepath=path_of(below), check_existing=False)


def finish_file(below):
    path = path_of(below)
    bpy.ops.wm.save_as_mainfile(
        filepath=path, check_existing=False, compress=False, relative_remap=False
    )
    with open(path, "rb") as file:
        data = forget_machine(bytearray(file.read()))
    with open(path, "wb") as file:
        # The time stamp is left out, so that the same scene gives the same file as far as Blender allows.
        file.write(gzip.compress(bytes(data), 9, mtime=0))


def forget_machine(data):
    """Blender notes the full path of a file and of its libraries, and the last folder of each file browser.

    It finds files and libraries again by itself on load; the folders are nobody's business."""
    home = os.path.expanduser("~")
    for word in (ROOT, home + "\0", home + "/", "//../../../../Desktop/"):
        text = word.encode()
        at = data.find(text)
        while at >= 0:
            end = data.index(0, at)
            data[at:end] = bytes(end - at)
            at = data.find(text, end)
    return data


def link(library_below, from_below, kind, name):
    path = path_of(library_below)
    with bpy.data.libraries.load(path, link=True, relative=True) as (_, wanted):
        setattr(wanted, kind, [name])
    start = os.path.dirname(path_of(from_below))
    for library in bpy.data.libraries:
        absolute = bpy.path.abspath(library.filepath)
        library.filepath = "//" + os.path.relpath(absolute, start)
    return getattr(bpy.data, kind)[name]


def image(below, from_below, colour=True, source="FILE"):
    start = os.path.dirname(path_of(from_below))
    loaded = bpy.data.images.load(path_of(below), check_existing=True)
    loaded.source = source
    loaded.filepath = "//" + os.path.relpath(path_of(below), start)
    if not colour:
        loaded.colorspace_settings.name = "Non-Color"
    return loaded


def material(name, rough=0.5, metallic=0.0):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = rough
    shader.inputs["Metallic"].default_value = metallic
    return made, shader


def plug_image(made, shader, picture, socket):
    node = made.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = picture
    made.node_tree.links.new(node.outputs["Color"], shader.inputs[socket])
    return node


def plug_bump(made, shader, picture, strength):
    node = made.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = picture
    bump = made.node_tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.01
    made.node_tree.links.new(node.outputs["Color"], bump.inputs["Height"])
    made.node_tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def mesh_object(name, vertices, faces, uvs, made, parent):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    layer = mesh.uv_layers.new(name="UVMap")
    for polygon, corners in zip(mesh.polygons, uvs):
        for loop, uv in zip(polygon.loop_indices, corners):
            layer.data[loop].uv = uv
    if made is not None:
        mesh.materials.append(made)
    thing = bpy.data.objects.new(name, mesh)
    parent.objects.link(thing)
    return thing


def slab(name, size, made, parent, at=(0, 0, 0), bevel=0.0):
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    vertices = [(sx * x, sy * y, sz * z) for sz in (0, 1) for sy in (-1, 1) for sx in (-1, 1)]
    faces = [(0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6), (4, 5, 7, 6), (2, 3, 1, 0)]
    thing = mesh_object(name, vertices, faces, [[(0, 0), (1, 0), (1, 1), (0, 1)]] * 6, made, parent)
    thing.location = at
    if bevel > 0:
        rounded = thing.modifiers.new("Bevel", "BEVEL")
        rounded.width = bevel
        rounded.segments = 3
        for polygon in thing.data.polygons:
            polygon.use_smooth = True
        thing.data.use_auto_smooth = True
    return thing


def card(name, width, height, made, parent):
    x, y = width / 2, height / 2
    vertices = [(-x, 0, -y), (x, 0, -y), (x, 0, y), (-x, 0, y)]
    return mesh_object(name, vertices, [(0, 1, 2, 3)], [[(0, 0), (1, 0), (1, 1), (0, 1)]], made, parent)


def collection(name):
    made = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(made)
    return made


TAG_ROWS, TAG_HALF, TAG_LONG = 10, 0.036, 0.135


def tag_shape(turn):
    """A paper tag that hangs from its upper end, bent by an angle that grows towards the lower one."""
    points = []
    for row in range(TAG_ROWS + 1):
        down = TAG_LONG * row / TAG_ROWS
        half = TAG_HALF * min(1.0, 0.45 + 4 * row / TAG_ROWS)
        bend = turn * (0.8 + 1.8 * down)
        points += [(side * half, -math.sin(bend) * down, -math.cos(bend) * down) for side in (-1, 1)]
    return points


def write_cache(path):
    """A PC2 point cache: one pose of the tag for each frame."""
    with open(path, "wb") as file:
        points = 2 * (TAG_ROWS + 1)
        file.write(struct.pack("<12siiffi", b"POINTCACHE2", 1, points, 1.0, 1.0, FRAMES))
        for frame in range(1, FRAMES + 1):
            turn = math.radians(39 + 6 * math.sin(frame / FRAMES * math.tau))
            for point in tag_shape(turn):
                file.write(struct.pack("<fff", *point))


def make_materials(below):
    start_file(below)
    made, shader = material("cardboard", rough=0.82)
    plug_image(made, shader, image("assets/materials/textures/cardboard_color.png", below), "Base Color")
    plug_bump(made, shader, image("assets/materials/textures/cardboard_bump.png", below, False), 0.35)
    made.use_fake_user = True
    finish_file(below)


def make_parcel(below):
    start_file(below)
    board = link("assets/materials/paper.blend", below, "materials", "cardboard")
    parcel = collection("parcel")
    textures = "assets/props/textures/parcel/"
    slab("body", (0.62, 0.44, 0.34), board, parcel, bevel=0.008)
    band, shader = material("tape", rough=0.28)
    plug_image(band, shader, image(textures + "tape.png", below), "Base Color")
    slab("tape_top", (0.63, 0.075, 0.003), band, parcel, at=(0, 0, 0.3395))
    for side in (-1, 1):
        piece = slab("tape_side", (0.003, 0.075, 0.10), band, parcel, at=(side * 0.311, 0, 0.242))
        piece.name = "tape_side_%s" % ("left" if side < 0 else "right")
    paper, shader = material("label", rough=0.6)
    plug_image(paper, shader, image(textures + "label.png", below), "Base Color")
    front = card("label", 0.27, 0.18, paper, parcel)
    front.location = (-0.10, -0.2215, 0.155)
    mark, shader = material("stamp", rough=0.7)
    plug_image(mark, shader, image(textures + "stamp.png", below), "Base Color")
    seal = card("stamp", 0.11, 0.11, mark, parcel)
    seal.location = (0.19, -0.2215, 0.20)
    seal.rotation_euler = (0, math.radians(-12), 0)
    finish_file(below)


def make_vase(below):
    start_file(below)
    vase = collection("vase")
    outline = [
        (0.002, 0.0), (0.085, 0.0), (0.105, 0.012), (0.135, 0.06), (0.168, 0.14), (0.180, 0.22),
        (0.168, 0.30), (0.130, 0.375), (0.082, 0.43), (0.058, 0.475), (0.054, 0.52), (0.066, 0.555),
        (0.078, 0.568), (0.070, 0.572), (0.058, 0.555), (0.046, 0.52), (0.046, 0.46),
    ]
    sides = 48
    vertices, faces, uvs = [], [], []
    for radius, height in outline:
        for side in range(sides):
            turn = side / sides * math.tau
            vertices.append((math.cos(turn) * radius, math.sin(turn) * radius, height))
    lengths = [0.0]
    for (r0, h0), (r1, h1) in zip(outline, outline[1:]):
        lengths.append(lengths[-1] + math.hypot(r1 - r0, h1 - h0))
    for ring in range(len(outline) - 1):
        low, high = (1.999 * lengths[at] / lengths[-1] for at in (ring, ring + 1))
        for side in range(sides):
            after = (side + 1) % sides
            left, right = (1.999 * at / sides for at in (side, side + 1))
            base = ring * sides
            faces.append((base + side, base + after, base + sides + after, base + sides + side))
            uvs.append([(left, low), (right, low), (right, high), (left, high)])
    glazed, shader = material("glaze", rough=0.12)
    shader.inputs["Clearcoat"].default_value = 0.6
    picture = image("assets/props/textures/vase/glaze.1001.png", below)
    picture.source = "TILED"
    picture.filepath = "//textures/vase/glaze.<UDIM>.png"
    known = {tile.number for tile in picture.tiles}
    for tile in (1002, 1011, 1012):
        if tile not in known:
            picture.tiles.new(tile_number=tile)
    plug_image(glazed, shader, picture, "Base Color")
    body = mesh_object("vase", vertices, faces, uvs, glazed, vase)
    for polygon in body.data.polygons:
        polygon.use_smooth = True
    body.modifiers.new("Subdivision", "SUBSURF").render_levels = 1
    finish_file(below)


def make_monitor(below):
    start_file(below)
    monitor = collection("monitor")
    textures = "assets/props/textures/monitor/"
    case, shader = material("shell", rough=0.42)
    plug_image(case, shader, image(textures + "shell.png", below), "Base Color")
    tilt = math.radians(-14)
    shell_ = slab("shell", (0.46, 0.028, 0.30), case, monitor, at=(0, 0, 0.03), bevel=0.010)
    shell_.rotation_euler = (tilt, 0, 0)
    slab("foot", (0.26, 0.16, 0.012), case, monitor, at=(0, 0.035, 0), bevel=0.005)
    slab("neck", (0.07, 0.03, 0.12), case, monitor, at=(0, 0.055, 0.006), bevel=0.004)
    lit, shader = material("screen", rough=0.18)
    picture = image(textures + "route.0001.png", below, source="SEQUENCE")
    node = plug_image(lit, shader, picture, "Emission")
    lit.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    lit.cycles.sample_as_light = False
    shader.inputs["Emission Strength"].default_value = 1.9
    node.image_user.frame_duration = SEQUENCE_FRAMES
    node.image_user.frame_start = 1
    node.image_user.use_auto_refresh = True
    node.image_user.use_cyclic = True
    screen = card("screen", 0.42, 0.2625, lit, monitor)
    screen.parent = shell_
    screen.location = (0, -0.0148, 0.15)
    finish_file(below)


def make_shot(below):
    start_file(below)
    scene = bpy.context.scene
    scene.name = "sh010_lighting"
    set_dressing(below)
    placed("parcel", "assets/props/parcel.blend", below, (-0.36, 0.10, 0), -14)
    small = placed("parcel", "assets/props/parcel.blend", below, (-0.33, 0.12, 0.343), 17)
    small.scale = (0.56, 0.56, 0.56)
    placed("vase", "assets/props/vase.blend", below, (0.22, 0.16, 0), 64)
    placed("monitor", "assets/props/monitor.blend", below, (0.56, -0.20, 0), -26)
    hang_tag(below)
    light_scene(below)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    camera.data.lens = 62
    camera.location = (0.34, -2.75, 1.02)
    aim(camera, Vector((0.065, 0.02, 0.265)))
    camera.data.dof.use_dof = True
    camera.data.dof.focus_distance = (camera.location - Vector((0.1, -0.12, 0.25))).length
    camera.data.dof.aperture_fstop = 3.2
    scene.camera = camera
    speaker = bpy.data.speakers.new("room")
    speaker.sound = bpy.data.sounds.load(path_of("assets/sound/room.wav"))
    speaker.sound.filepath = "//../../assets/sound/room.wav"
    scene.collection.objects.link(bpy.data.objects.new("room", speaker))
    output_settings(scene)
    finish_file(below)


def placed(name, library, below, location, turn):
    group = bpy.data.collections.get(name) or link(library, below, "collections", name)
    holder = bpy.data.objects.new(name, None)
    holder.instance_type = "COLLECTION"
    holder.instance_collection = group
    holder.location = location
    holder.rotation_euler = (0, 0, math.radians(turn))
    bpy.context.scene.collection.objects.link(holder)
    return holder


def aim(thing, target):
    thing.rotation_euler = (target - thing.location).to_track_quat("-Z", "Y").to_euler()


def set_dressing(below):
    scene = bpy.context.scene
    wood, shader = material("planks", rough=0.4)
    plug_image(wood, shader, image("assets/set/textures/planks_color.png", below), "Base Color")
    plug_image(wood, shader, image("assets/set/textures/planks_rough.png", below, False), "Roughness")
    vertices = [(-2.2, -1.6, 0), (2.2, -1.6, 0), (2.2, 1.0, 0), (-2.2, 1.0, 0)]
    mesh_object("table", vertices, [(0, 1, 2, 3)], [[(0, 0), (2.6, 0), (2.6, 1.9), (0, 1.9)]], wood, scene.collection)
    wall, shader = material("wall", rough=0.9)
    shader.inputs["Base Color"].default_value = (0.115, 0.135, 0.150, 1)
    shader.inputs["Specular"].default_value = 0.1
    vertices = [(-5, 1.7, -1.5), (5, 1.7, -1.5), (5, 1.7, 3.5), (-5, 1.7, 3.5)]
    mesh_object("wall", vertices, [(0, 1, 2, 3)], [[(0, 0), (1, 0), (1, 1), (0, 1)]], wall, scene.collection)


def hang_tag(below):
    faces, uvs = [], []
    for row in range(TAG_ROWS):
        at = row * 2
        faces.append((at + 2, at + 3, at + 1, at))
        low, high = 1 - (row + 1) / TAG_ROWS, 1 - row / TAG_ROWS
        uvs.append([(0, low), (1, low), (1, high), (0, high)])
    paper, shader = material("tag", rough=0.65)
    shader.inputs["Base Color"].default_value = (0.85, 0.30, 0.06, 1)
    tag = mesh_object("tag", tag_shape(0.0), faces, uvs, paper, bpy.context.scene.collection)
    swing = tag.modifiers.new("Swing", "MESH_CACHE")
    swing.cache_format = "PC2"
    swing.filepath = "//../../assets/cache/tag_swing.pc2"
    swing.frame_start = 1
    neck = Vector((0.22, 0.16, 0.497))
    tag.location = neck + Vector((-0.004, -0.060, 0.0))
    tag.rotation_euler = (0, 0, math.radians(-6))
    bpy.ops.mesh.primitive_torus_add(location=neck, major_radius=0.060, minor_radius=0.004)
    twine = bpy.context.object
    twine.name = twine.data.name = "twine"
    twine.rotation_euler = (math.radians(4), 0, 0)
    twine.data.materials.append(paper)
    for polygon in twine.data.polygons:
        polygon.use_smooth = True


def light_scene(below):
    scene = bpy.context.scene
    world = bpy.data.worlds.new("studio")
    scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    room = nodes.new("ShaderNodeTexEnvironment")
    room.image = image("assets/hdri/studio.hdr", below)
    links.new(room.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = 0.8
    # One lamp beside the room: each more would be one more thing to guess at for every sample.
    lamp = bpy.data.objects.new("key", bpy.data.lights.new("key", "AREA"))
    lamp.data.size = 0.8
    lamp.data.energy = 88
    lamp.data.color = (1.0, 0.89, 0.76)
    lamp.location = (-1.7, -1.5, 2.1)
    scene.collection.objects.link(lamp)
    aim(lamp, Vector((0.05, 0.05, 0.2)))
    world.light_settings.distance = 1.2
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 128


def output_settings(scene):
    scene.frame_start, scene.frame_end, scene.frame_current = 1, FRAMES, 1
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 320, 180, 100
    render.filepath = "//../../renders/sh010/sh010.####.png"
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.use_persistent_data = True
    render.threads_mode = "AUTO"
    render.use_stamp = False
    # What a stamp would tell of the machine and the hour is written into the PNG otherwise.
    for name in dir(render):
        if name.startswith("use_stamp_"):
            setattr(render, name, False)
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = 32
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.04
    cycles.adaptive_min_samples = 8
    cycles.use_denoising = False
    cycles.use_preview_denoising = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 3.0
    cycles.blur_glossy = 1.0
    cycles.seed = 3
    cycles.filter_width = 1.9
    cycles.use_fast_gi = True
    cycles.fast_gi_method = "REPLACE"
    cycles.ao_bounces_render = 1
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    scene.view_settings.exposure = 0.4


main()
sys.stdout.flush()
