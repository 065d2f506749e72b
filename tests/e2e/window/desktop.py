"""A desktop of nobody for the tests of the window: shows notifications and tray icons, and keeps the computer awake.

It takes the names of a desktop's services on the bus in DBUS_SESSION_BUS_ADDRESS, writes what reaches them as a line of JSON
each, and obeys lines on its standard input: `tray` tells the icon and its menu, `press LABEL` presses an entry of it.
"""

import json
import os
import sys
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

INTERFACES = """
<node>
  <interface name="org.freedesktop.Notifications">
    <method name="GetCapabilities"><arg type="as" direction="out"/></method>
    <method name="GetServerInformation">
      <arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
    </method>
    <method name="Notify">
      <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
      <arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/>
      <arg type="u" direction="out"/>
    </method>
    <method name="CloseNotification"><arg type="u" direction="in"/></method>
  </interface>
  <interface name="org.kde.StatusNotifierWatcher">
    <method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
    <method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
    <property name="RegisteredStatusNotifierItems" type="as" access="read"/>
    <property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
    <property name="ProtocolVersion" type="i" access="read"/>
  </interface>
  <interface name="org.freedesktop.login1.Manager">
    <method name="Inhibit">
      <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
      <arg type="h" direction="out"/>
    </method>
  </interface>
</node>
"""

SERVICES = [
    ("org.freedesktop.Notifications", "/org/freedesktop/Notifications", "org.freedesktop.Notifications"),
    ("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher"),
    ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"),
]

ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
# Milliseconds for an answer: the program may have its hands full on a loaded machine.
PATIENCE = 30_000

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
# The program that put its icon there last, and where.
icon = None


def tell(**what):
    print(json.dumps(what), flush=True)


def called(_connection, sender, _path, _interface, method, given, call):
    global icon
    given = given.unpack()
    if method == "GetCapabilities":
        call.return_value(GLib.Variant("(as)", (["body"],)))
    elif method == "GetServerInformation":
        call.return_value(GLib.Variant("(ssss)", ("nobody", "Weir", "1", "1.2")))
    elif method == "Notify":
        tell(notification=given[4], title=given[3])
        call.return_value(GLib.Variant("(u)", (1,)))
    elif method == "RegisterStatusNotifierItem":
        # Some name their bus, others the object on the bus they speak from.
        icon = (sender, given[0]) if given[0].startswith("/") else (given[0], "/StatusNotifierItem")
        call.return_value(None)
        tell(icon=True)
    elif method == "Inhibit":
        call.return_value_with_unix_fd_list(GLib.Variant("(h)", (0,)), held(given[0]))
    else:
        call.return_value(None)


def held(what):
    """What holds the computer awake until it is closed."""
    ours, theirs = os.pipe()
    held_by = Gio.UnixFDList.new()
    held_by.append(theirs)
    os.close(theirs)
    tell(awake=what, held=True)

    def let_go(source, _condition):
        os.close(source)
        tell(awake=what, held=False)
        return False

    GLib.io_add_watch(ours, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, let_go)
    return held_by


def got(_connection, _sender, _path, _interface, name):
    if name == "RegisteredStatusNotifierItems":
        return GLib.Variant("as", ["".join(icon)] if icon else [])
    return GLib.Variant("i", 0) if name == "ProtocolVersion" else GLib.Variant("b", True)


def ask(path, interface, method, given, answer):
    return bus.call_sync(icon[0], path, interface, method, given, GLib.VariantType(answer), 0, PATIENCE).unpack()


def of_item(name):
    given = GLib.Variant("(ss)", (ITEM, name))
    return ask(icon[1], "org.freedesktop.DBus.Properties", "Get", given, "(v)")[0]


def entry(node):
    number, properties, children = node
    return {
        "id": number,
        "label": properties.get("label", "").replace("_", ""),
        "enabled": properties.get("enabled", True),
        "checked": properties.get("toggle-state", 0) == 1,
        "entries": [entry(child) for child in children],
    }


def menu():
    path = of_item("Menu")
    ask(path, MENU, "AboutToShow", GLib.Variant("(i)", (0,)), "(b)")
    return path, entry(ask(path, MENU, "GetLayout", GLib.Variant("(iias)", (0, -1, [])), "(u(ia{sv}av))")[1])["entries"]


def flat(entries):
    for one in entries:
        yield one
        yield from flat(one["entries"])


def obey(line):
    word, _, label = line.strip().partition(" ")
    try:
        path, entries = menu()
        if word == "tray":
            tell(tray={"icon": of_item("IconName"), "status": of_item("Status"), "menu": entries})
        else:
            wanted = next(one for one in flat(entries) if one["label"] == label)
            event = GLib.Variant("(isvu)", (wanted["id"], "clicked", GLib.Variant("i", 0), 0))
            ask(path, MENU, "Event", event, "()")
            tell(pressed=label)
    except Exception as error:  # noqa: BLE001 - said, and the test decides
        tell(refused=line.strip(), why=repr(error))
    return False


def listen():
    for line in sys.stdin:
        GLib.idle_add(obey, line)
    GLib.idle_add(loop.quit)


for name, path, interface in SERVICES:
    described = Gio.DBusNodeInfo.new_for_xml(INTERFACES).lookup_interface(interface)
    bus.register_object(path, described, called, got, None)
    Gio.bus_own_name_on_connection(bus, name, Gio.BusNameOwnerFlags.NONE, None, None)
loop = GLib.MainLoop()
threading.Thread(target=listen, daemon=True).start()
GLib.idle_add(lambda: tell(ready=True))
loop.run()
