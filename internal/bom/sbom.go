package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// product is the program that the bill is of.
type product struct {
	path, version, time string
	info                *debug.BuildInfo
}

// writeSBOM writes the bill of materials. The same program gives the same bill.
func writeSBOM(path string, p product, modules []module) (err error) {
	program, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	bom := bill(p, sha256.Sum256(program), modules)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

// bill makes the bill of materials of a program with the given SHA-256.
func bill(p product, sum [sha256.Size]byte, modules []module) *cdx.BOM {
	main := component(cdx.ComponentTypeApplication, p.info.Main.Path, "v"+p.version, "Apache-2.0")
	main.Name, main.Version = "rtmp-edge", p.version
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
	settings := []cdx.Property{{Name: "cdx:gomod:build:compiler", Value: p.info.GoVersion}}
	for _, s := range p.info.Settings {
		if strings.ToUpper(s.Key) == s.Key { // GOOS, GOARCH, CGO_ENABLED …
			settings = append(settings, cdx.Property{Name: "cdx:gomod:build:env:" + s.Key, Value: s.Value})
		}
	}
	main.Properties = &settings

	components := make([]cdx.Component, len(modules))
	refs := make([]string, len(modules))
	none := make([]cdx.Dependency, 0, len(modules)+1)
	for i, m := range modules {
		c := component(cdx.ComponentTypeLibrary, m.path, m.version, m.licence)
		if m.sum != "" { // a hash of the module's tree, which is no hash of a file
			c.Properties = &[]cdx.Property{{Name: "go.sum", Value: m.sum}}
		}
		components[i], refs[i] = c, c.BOMRef
		none = append(none, cdx.Dependency{Ref: c.BOMRef})
	}

	bom := cdx.NewBOM()
	bom.SerialNumber = serial(sum)
	bom.Metadata = &cdx.Metadata{
		Timestamp:  p.time,
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhasePostBuild}}, // it is read from what was built
		Component:  &main,
	}
	bom.Components = &components
	// Which module wants which is not in the program: here all are wanted by it.
	dependencies := append([]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}, none...)
	bom.Dependencies = &dependencies
	return bom
}

// component describes a Go module, whose version has a v, or the standard library, whose version has none.
func component(kind cdx.ComponentType, path, version, licence string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return cdx.Component{
		BOMRef: purl, Type: kind, Name: path, Version: version, PackageURL: purl,
		Licenses: &cdx.Licenses{licenceOf(licence)},
	}
}

// licenceOf is an expression where there are several, else an identifier.
func licenceOf(expression string) cdx.LicenseChoice {
	if strings.Contains(expression, " ") {
		return cdx.LicenseChoice{Expression: expression}
	}
	return cdx.LicenseChoice{License: &cdx.License{ID: expression}}
}

// serial makes a UUID (version 8, of RFC 9562) of the program's hash, as each bill has to have one and the same program gives the same.
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
