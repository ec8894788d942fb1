#!/bin/sh
# Makes the certificates of the TLS tests, valid from 2020 to 2120 whatever this machine's clock says: `sh test/support/tls/make.sh`.
# The authority's key is thrown away; "stranger" is signed by nobody but itself.
set -eu
cd "$(dirname "$0")"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
: > "$WORK/index"
cat > "$WORK/ca.cnf" <<CONF
[ca]
default_ca = tests
[tests]
database = $WORK/index
new_certs_dir = $WORK
serial = $WORK/serial
rand_serial = yes
default_md = sha256
default_startdate = 20200101000000Z
default_enddate = 21200101000000Z
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[server]
subjectAltName = DNS:localhost,IP:127.0.0.1
extendedKeyUsage = serverAuth,clientAuth
[client]
extendedKeyUsage = clientAuth
[stranger]
subjectAltName = DNS:localhost,IP:127.0.0.1
CONF

# make NAME EXTENSIONS KEY SIGNING-OPTION...
make() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=faultline test $1" -keyout "$3" -out "$WORK/request"
  NAME=$1 EXTENSIONS=$2 KEY=$3
  shift 3
  openssl ca -batch -notext -config "$WORK/ca.cnf" -extensions "$EXTENSIONS" -in "$WORK/request" -out "$NAME.pem" "$@"
  chmod 644 "$KEY" "$NAME.pem"
}

make ca authority "$WORK/ca-key.pem" -selfsign -keyfile "$WORK/ca-key.pem"
make server server server-key.pem -cert ca.pem -keyfile "$WORK/ca-key.pem"
make client client client-key.pem -cert ca.pem -keyfile "$WORK/ca-key.pem"
make stranger stranger stranger-key.pem -selfsign -keyfile stranger-key.pem
