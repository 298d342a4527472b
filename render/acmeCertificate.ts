/**
 * Looks at a certificate before it is served, by the library that certbot itself uses. Python, because a shell can't
 * read certificates, and this is the one interpreter that every image with certbot has.
 *
 * Arguments: the chain, the key, and the names that it must be for. Prints four lines: a name for this certificate
 * by which the newest sorts last, its begin and end in seconds, its issuer. Otherwise it says what is wrong, with
 * exit code 1, or 2 when the files are damaged and can't get better.
 */
export const CERTIFICATE_FACTS = `\
import datetime, hashlib, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import serialization

def fail(code, problem):
    print(problem)
    sys.exit(code)

def public(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

def covered(name, names):
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        return name in [other.lower() for other in names.get_values_for_type(x509.DNSName)]

try:
    pem = open(sys.argv[1], "rb").read()
    chain = x509.load_pem_x509_certificates(pem)
    key = serialization.load_pem_private_key(open(sys.argv[2], "rb").read(), None)
    leaf = chain[0]
    for lower, upper in zip(chain, chain[1:]):
        lower.verify_directly_issued_by(upper)
    fits = public(key.public_key()) == public(leaf.public_key())
except Exception as error:
    fail(2, "the certificate or its key is damaged (%s)" % type(error).__name__)
if not fits:
    fail(2, "the key is not that of the certificate")
begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
if end <= datetime.datetime.now(datetime.timezone.utc):
    fail(1, "the certificate has expired")
try:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
except x509.ExtensionNotFound:
    fail(1, "the certificate has no names in it")
missing = [name for name in sys.argv[3:] if not covered(name, names)]
if missing:
    fail(1, "the certificate is not for " + ", ".join(missing))
print(begin.strftime("%Y%m%d%H%M%S-") + hashlib.sha256(pem).hexdigest()[:8])
print(int(begin.timestamp()))
print(int(end.timestamp()))
print("".join(c if c.isprintable() else " " for c in leaf.issuer.rfc4514_string()))
`;
