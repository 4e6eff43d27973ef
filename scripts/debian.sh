# SPDX-License-Identifier: BSD-3-Clause
#
# debian.sh - Debian packages unpacked into a folder, without privileges
#
# Sourced by get-qemu, get-guest, get-ovs and .ci/run. The packages come from the mirror
# that this system's own apt is configured for, with its proxy settings, and are
# checked against Debian's keys; apt keeps its state below $vm/apt and believes
# that nothing is installed, so that it finds every dependency.

die() { echo "$0: $*" >&2; exit 1; }
say() { echo "$*" >&2; }

# The mirror of this system's release: the URI of the first line of apt's sources
# that offers "main" of a release proper (not -updates, -security, -backports).
debian_mirror() {
	command -v apt-get >/dev/null || die "needs apt-get: this is not a Debian system"
	_release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(CREATED_BY) $(SITE)' \
		'Created-By: Packages' |
	awk -v release="$_release" '
		$2 == "main" && $4 ~ /^(https?|file|mirror\+https?):/ {
			if ($1 == release) { print $4; found = 1; exit }
			if ($1 !~ /-/ && fallback == "") fallback = $4
		}
		END { if (!found && fallback != "") print fallback }' | grep . ||
		die "no Debian mirror in this system's apt sources"
}

# debian_open VM SUITE... - make VM/apt an apt of its own for these suites, with
# current lists. Whoever holds VM/lock may do this; nobody else writes below VM.
debian_open() {
	vm=$1
	shift
	apt=$vm/apt
	_mirror=$(debian_mirror)
	_key=/usr/share/keyrings/debian-archive-keyring
	for _key in $_key.pgp $_key.gpg; do [ -e "$_key" ] && break; done
	[ -e "$_key" ] || die "Debian's keys are missing: install debian-archive-keyring"

	mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/empty"
	rm -f "$apt"/archives/*.deb	# of an attempt that was interrupted
	: > "$apt/status"
	for _suite; do
		echo "deb [signed-by=$_key] $_mirror $_suite main"
	done > "$apt/sources.list"
	# Read after the system's own configuration: the hooks in there act on the system.
	cat > "$apt/apt.conf" <<-EOF
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Pre-Install-Pkgs;
		#clear DPkg::Pre-Invoke;
		#clear DPkg::Post-Invoke;
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/empty";
		Dir::Etc::preferences "$apt/empty/none";
		Dir::Etc::preferencesparts "$apt/empty";
		APT::Sandbox::User "root";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Install-Recommends "false";
		APT::Default-Release "";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::Retries "3";
		Binary::apt-get::APT::Keep-Downloaded-Packages "true";
	EOF
	say "reading Debian's package lists ($*)"
	_apt apt-get -qq update >&2 || die "cannot read the package lists from $_mirror"
	ls "$apt"/lists/*Packages* >/dev/null 2>&1 || die "no package lists at $_mirror"
}

_apt() {
	_tool=$1
	shift
	"$_tool" -c "$apt/apt.conf" "$@"
}

# debian_unpack DIR SUITE PACKAGE... - these packages and all that they depend on
debian_unpack() {
	_into=$1 _suite=$2
	shift 2
	say "downloading $* and what it depends on"
	_apt apt-get install -d -y -qq -t "$_suite" -o Dpkg::Use-Pty=0 "$@" >&2 ||
		die "cannot download $*"
	_debian_extract "$_into"
}

# debian_unpack_alone DIR PACKAGE... - these packages without any dependency
debian_unpack_alone() {
	_into=$1
	shift
	say "downloading $*"
	(cd "$apt/archives" && _apt apt-get download -qq "$@" >&2) || die "cannot download $*"
	_debian_extract "$_into"
}

# debian_depends PACKAGE PATTERN - the dependency of a package that matches a pattern
debian_depends() {
	_apt apt-cache depends --no-recommends --no-suggests "$1" |
		sed -n "s/^ *Depends: \($2\)\$/\1/p" | head -n 1 | grep . ||
		die "$1 depends on nothing like $2"
}

_debian_extract() {
	mkdir -p "$1"
	set -- "$1" "$apt"/archives/*.deb
	say "unpacking $(($# - 1)) packages ($(du -chL "$apt"/archives/*.deb | awk 'END { print $1 }')B)"
	_into=$1
	shift
	for _deb; do
		dpkg-deb -x "$_deb" "$_into" || die "cannot unpack $_deb"
		rm "$_deb"
	done
}
