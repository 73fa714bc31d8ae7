# What scripts/build-deb and scripts/release have in common; they source it. All is made of the tree as it is, and of the time of its last commit: two
# runs give the same bytes.
# shellcheck shell=bash

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.1

# Settings of the machine must not change what is built: the order of names, flags of Go, nor another version of it than go.mod names.
umask 022
unset GOOS GOARCH GOEXPERIMENT
export LC_ALL=C TZ=UTC GOFLAGS='' GOWORK=off CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0
GOTOOLCHAIN=$(sed -n 's/^toolchain //p' go.mod)
export GOTOOLCHAIN=${GOTOOLCHAIN:-local}

eval "$(scripts/version --env | sed 's/^/export /')"
debian_version=$(scripts/version --debian)
mkdir -p "${DIST:-dist}"
dist=$(cd "${DIST:-dist}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for command in go git tar gzip sha256sum; do
	if ! command -v $command >/dev/null; then
		echo "$0 needs $command" >&2
		exit 1
	fi
done

# stage <architecture>: what a release has for it, in $work/rtmp-edge_<version>_linux_<architecture>, which $stage is then
stage() {
	stage=$work/rtmp-edge_${VERSION}_linux_$1
	[ ! -d "$stage" ] || return 0
	mkdir -p "$stage/completions"
	echo "building rtmp-edge $VERSION for linux/$1" >&2
	GOOS=linux GOARCH=$1 go build -trimpath -buildvcs=false -ldflags "$(scripts/version --ldflags)" -o "$stage/rtmp-edge" ./cmd/rtmp-edge
	bom --notices "$stage/THIRD-PARTY-NOTICES" "$stage/rtmp-edge"
	speaks man >"$stage/rtmp-edge.1"
	speaks completion bash >"$stage/completions/rtmp-edge.bash"
	speaks completion zsh >"$stage/completions/rtmp-edge.zsh"
	speaks completion fish >"$stage/completions/rtmp-edge.fish"
	cp LICENSE README.md CHANGELOG.md SECURITY.md "$stage"
	cp -r docs "$stage"
	cp -r deploy "$stage"
	rm -rf "$stage"/deploy/{nfpm.yaml,debian} # which are of no use without this
	chmod -R u=rwX,go=rX "$stage"
}

# bom <option of internal/bom> …: the bill of materials, or the notices, of a program
bom() {
	go run ./internal/bom --version "$VERSION" --time "$TIME" "$@"
}

# speaks <argument> …: what the program says, as this machine can run it
speaks() {
	[ -x "$work/native" ] || go build -trimpath -buildvcs=false -ldflags "$(scripts/version --ldflags)" -o "$work/native" ./cmd/rtmp-edge
	"$work/native" "$@"
}

# deb <architecture>: its Debian package, whose name $file is then
deb() {
	stage "$1"
	local tree=$work/deb-$1
	mkdir "$tree"
	cp -r "$stage/." "$tree"
	# As Debian has them: compressed, without the time of that.
	gzip -9n "$tree"/rtmp-edge.1 "$tree"/THIRD-PARTY-NOTICES
	gzip -9nc "$tree/CHANGELOG.md" >"$tree/changelog.gz"
	changelog | gzip -9n >"$tree/changelog.Debian.gz"
	cp -r deploy/debian "$tree/debian"
	cp deploy/nfpm.yaml "$tree"
	chmod -R u=rwX,go=rX "$tree"
	find "$tree" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
	[ -x "$work/nfpm" ] || GOBIN=$work go -C / install "$nfpm"
	file=rtmp-edge_${VERSION}_$1.deb
	(cd "$tree" && ARCH=$1 DEBIAN_VERSION=$debian_version "$work/nfpm" package --config nfpm.yaml --packager deb --target "$dist/$file" >/dev/null)
}

# changelog is Debian's, of the package.
changelog() {
	cat <<END
rtmp-edge ($debian_version-1) stable; urgency=medium

  * rtmp-edge $VERSION; what is new in it is in changelog.gz.

 -- $(sed -n 's/^maintainer: //p' deploy/nfpm.yaml)  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
}
