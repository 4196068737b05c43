"""What the parts of the stack stand on, handed to each as one."""

from dataclasses import dataclass

from pinlake_aws.lake import Lake
from pinlake_aws.network import Network
from pinlake_aws.settings import Settings
from pinlake_aws.size import Size
from pinlake_aws.uploads import Uploads


@dataclass(frozen=True)
class Ground:
    """Settings, network, buckets and the way into them."""

    settings: Settings
    network: Network
    lake: Lake
    uploads: Uploads

    @property
    def size(self) -> Size:
        """Return how large each part is."""
        return self.settings.size
