package deploytest

import (
	"debug/elf"
	"regexp"
	"testing"
)

// nginxModule is where Debian has nginx's RTMP module.
const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// TestModuleDirectives: that the list is read rightly, by some that are certainly in it, and by what is in the module but is no directive.
func TestModuleDirectives(t *testing.T) {
	t.Parallel()
	found := moduleDirectives(t)
	for _, name := range []string{"rtmp", "server", "listen", "application", "allow", "live", "recorder", "hls_fragments_per_key", "rtmp_auto_push", "rtmp_control", "max_connections"} {
		if !found[name] {
			t.Errorf("%s was not found", name)
		}
	}
	for _, name := range []string{"releaseStream", "publish", "all", "keyframes", "combined", "bytes_sent", "location"} {
		if found[name] {
			t.Errorf("%s was found, and is none", name)
		}
	}
}

// A directive in a module's memory is a ngx_command_t: the name's length, its address, the type (where it may stand, and with how many arguments), and
// the address of the function that reads it; then the place in the configuration, the offset, and a pointer.
const (
	commandWord = 8
	commandSize = 7 * commandWord
	longestName = 64
	leastKind   = 1 << 16 // below are the bits for arguments; each directive may stand somewhere, too
)

// moduleDirectives reads the names of all directives out of the module's memory.
func moduleDirectives(t *testing.T) map[string]bool {
	t.Helper()
	file, err := elf.Open(nginxModule)
	if err != nil {
		t.Fatalf("%v (`make clients` installs what the tests need)", err)
	}
	defer func() { _ = file.Close() }()
	m := moduleMemory{t: t, file: file, pointers: make(map[uint64]uint64)}
	m.relocate()
	found := make(map[string]bool)
	for at := range m.pointers {
		if name := m.commandAt(at - commandWord); name != "" {
			found[name] = true
		}
	}
	if len(found) < 100 {
		t.Fatalf("only %d directives found in %s", len(found), nginxModule)
	}
	return found
}

// moduleMemory is what the module's file will be in memory.
type moduleMemory struct {
	t        *testing.T
	file     *elf.File
	pointers map[uint64]uint64 // words that the loader fills with an address
}

// relocate reads where the loader writes which addresses: entries of .rela.dyn that add the base, on both architectures, and functions of others.
func (m *moduleMemory) relocate() {
	data, err := m.file.Section(".rela.dyn").Data()
	if err != nil {
		m.t.Fatal(err)
	}
	for len(data) >= 3*commandWord {
		at, addend := word(data), word(data[2*commandWord:])
		m.pointers[at] = addend
		data = data[3*commandWord:]
	}
}

var directiveName = regexp.MustCompile(`^[a-z][a-z_]*$`)

// commandAt returns the name of the directive there, or "" if there is none.
func (m *moduleMemory) commandAt(at uint64) string {
	words := m.read(at, commandSize)
	if words == nil {
		return ""
	}
	length, kind := word(words), word(words[2*commandWord:])
	_, kindIsAddress := m.pointers[at+2*commandWord] // variables of logs look so
	_, hasFunction := m.pointers[at+3*commandWord]
	if length == 0 || length > longestName || kind < leastKind || kind >= 1<<32 || kindIsAddress || !hasFunction {
		return ""
	}
	name := m.read(m.pointers[at+commandWord], length+1)
	if len(name) == 0 || name[length] != 0 || !directiveName.Match(name[:length]) {
		return ""
	}
	return string(name[:length])
}

// word is the first of b, little-endian, as on both architectures.
func word(b []byte) uint64 {
	var v uint64
	for i := range commandWord {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

// read returns n bytes of the memory, or nil.
func (m *moduleMemory) read(at, n uint64) []byte {
	for _, s := range m.file.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Type == elf.SHT_NOBITS || at < s.Addr || at+n > s.Addr+s.Size {
			continue
		}
		b := make([]byte, n)
		if _, err := s.ReadAt(b, int64(at-s.Addr)); err != nil { //nolint:gosec // within the section
			return nil
		}
		return b
	}
	return nil
}
