// The least that homie-ota needs: a name and a version in the image, which it reads when the image is uploaded.
#include <Homie.h>

void setup() {
  Homie_setFirmware("hall-lamp", "1.0.1");
  Homie.setup();
}

void loop() {
  Homie.loop();
}
