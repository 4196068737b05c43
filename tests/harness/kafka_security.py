"""A broker that one signs in to: SCRAM over TLS, ACLs, and a listener whose certificate is over."""

import shutil
import subprocess

from harness.kafka_broker import Broker, free_ports
from requirements_of_tests import require

SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def secured(folder):
    """Start a broker with users and certificates of its own; whoever needs none is a super user."""
    folder.mkdir(parents=True)
    certificates(folder)
    broker = Broker(folder)
    broker.signed, broker.expired = free_ports(2)
    ours = f"PLAINTEXT://{broker.servers}"
    listeners = f"{ours},SIGNED://127.0.0.1:{broker.signed},EXPIRED://127.0.0.1:{broker.expired}"
    broker.properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{broker.controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SIGNED:SASL_SSL,EXPIRED:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.signed.scram-sha-512.sasl.jaas.config": SCRAM,
        "listener.name.expired.scram-sha-512.sasl.jaas.config": SCRAM,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "valid.pem",
        "listener.name.expired.ssl.keystore.type": "PEM",
        "listener.name.expired.ssl.keystore.location": folder / "expired.pem",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    return broker.start()


def certificates(folder):
    """Write ca.pem, and a server's valid.pem and expired.pem with their key, as Kafka takes them."""
    require(shutil.which("openssl"), "there is no openssl for certificates")
    run = _openssl(folder)
    run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tests")
    run("req -newkey rsa:2048 -nodes -keyout key.pem -out asked.pem -subj /CN=localhost")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name, days in (("valid", 2), ("expired", -1)):
        signing = "x509 -req -in asked.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names"
        run(f"{signing} -days {days} -out {name}.crt")
        both = (folder / "key.pem").read_bytes() + (folder / f"{name}.crt").read_bytes()
        (folder / f"{name}.pem").write_bytes(both)


def grant(broker, user, password, **operations):
    """Make a user, with rights: ``read="t"`` is to read the topic t, ``"*"`` is every topic."""
    from confluent_kafka import admin

    client = broker.admin()
    scram = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_512, 4096)
    made = [admin.UserScramCredentialUpsertion(user, scram, password.encode())]
    _await(client.alter_user_scram_credentials(made))
    bindings = [
        admin.AclBinding(
            admin.ResourceType.TOPIC,
            name,
            admin.ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            admin.AclOperation[operation.upper()],
            admin.AclPermissionType.ALLOW,
        )
        for operation, name in operations.items()
    ]
    _await(client.create_acls(bindings) if bindings else {})


def _await(asked):
    for each in asked.values():
        each.result(20)


def _openssl(folder):
    def run(command):
        subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)

    return run
